use std::time::Duration;

use super::*;

fn write(path: &Path, age: Duration) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, path.to_string_lossy().as_bytes()).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

fn time(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

fn local(name: &str) -> Package {
    serde_json::from_value(serde_json::json!({
        "name": name, "source": null, "manifest_path": "/p/Cargo.toml",
        "targets": [{"name": name, "kind": ["bin"]}, {"name": "build-script-build", "kind": ["custom-build"]}],
    }))
    .unwrap()
}

#[test]
fn what_is_not_the_projects_own_goes_in_and_out_with_one_time() {
    let root = std::env::temp_dir().join(format!("zkhost-shared-{}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    let shared = Shared {
        folder: root.join("cache"),
    };
    let (first, second, third) = (root.join("first"), root.join("second"), root.join("third"));
    let release = Path::new(TARGET).join("release");
    let foreign = [
        release.join("deps/libserde-0011.rlib"),
        release.join("deps/serde-0011.d"),
        release.join(".fingerprint/serde-0011/lib-serde"),
        Path::new("release/deps/libserde_derive-0022.so").to_owned(),
        release.join("build/libm-0033/out/generated/a.rs"),
    ];
    let own = [
        release.join("deps/my_guest-aa11"),
        release.join("deps/my_guest-aa11.d"),
        release.join(".fingerprint/my-guest-aa11/bin-my-guest"),
        release.join("my-guest"),
    ];
    for (age, path) in foreign.iter().chain(&own).enumerate() {
        write(&first.join(path), Duration::from_secs(1000 * age as u64));
    }
    shared.add(&first, &[local("my-guest")]).unwrap();

    // Another project, built apart from the first, adds a crate older than what is there.
    let added = release.join("deps/libmemchr-0044.rlib");
    write(&second.join(&added), Duration::from_secs(100_000));
    write(&second.join(&foreign[0]), Duration::ZERO);
    shared.add(&second, &[]).unwrap();

    shared.seed(&third).unwrap();
    let beginning = shared.beginning().unwrap();
    for path in foreign.iter().chain([&added]) {
        assert_eq!(time(&third.join(path)), beginning, "{}", path.display());
    }
    assert_eq!(
        fs::read(third.join(&foreign[0])).unwrap(),
        fs::read(first.join(&foreign[0])).unwrap()
    );
    for path in &own {
        assert!(!third.join(path).exists(), "{}", path.display());
    }
    assert_ne!(
        time(&first.join(&foreign[4])),
        beginning,
        "the project itself is left as it was"
    );

    // A target folder that is in use is not touched.
    fs::remove_file(third.join(&added)).unwrap();
    shared.seed(&third).unwrap();
    assert!(!third.join(&added).exists());
    fs::remove_dir_all(&root).unwrap();
}

struct Told(String);

impl Host for Told {
    fn output(&mut self, bytes: &[u8]) -> Result<()> {
        self.0 += std::str::from_utf8(bytes).unwrap();
        Ok(())
    }
}

#[test]
fn a_cache_that_cannot_be_written_fails_no_build() {
    let root = std::env::temp_dir().join(format!("zkhost-unwritable-{}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    write(&root.join("cache"), Duration::ZERO);
    let shared = Shared {
        folder: root.join("cache"),
    };
    let mut told = Told(String::new());
    shared
        .publish(&root.join("target"), &[], &mut told)
        .unwrap();
    assert!(told
        .0
        .starts_with("warning: the shared cache of dependencies was not written: "));
    fs::remove_dir_all(&root).unwrap();
}
