//! Commits its arguments and the variables that its input names, as text: a line each.
//!
//! Input: a list of names, in the standard format.

fn main() {
    let names: Vec<String> = zkhost_guest::read();
    let mut text = String::new();
    for (index, argument) in std::env::args().enumerate() {
        text += &format!("arg {index}: {argument}\n");
    }
    for name in names {
        let value = std::env::var(&name).unwrap_or_else(|_| String::from("(not set)"));
        text += &format!("{name}={value}\n");
    }
    zkhost_guest::commit_bytes(text.as_bytes());
}
