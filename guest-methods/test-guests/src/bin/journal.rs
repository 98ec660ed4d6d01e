//! Commits as many bytes as its input, a u32, says: 0, 1, 2, … 255, 0, …

fn main() {
    let len: u32 = zkhost_guest::read();
    let bytes: Vec<u8> = (0..len).map(|index| index as u8).collect();
    zkhost_guest::commit_bytes(&bytes);
}
