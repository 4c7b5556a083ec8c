//! `vigie key dkim` and `vigie check`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

#[test]
fn a_key_is_for_its_owner_alone_and_is_never_overwritten() {
    let keys = Keys::make();
    for (selector, file) in &keys.files {
        assert_eq!(fs::metadata(file).expect("a file").permissions().mode() & 0o777, 0o600);
        assert!(keys.records.contains_key(&format!("{selector}._domainkey.demo.example")), "{selector}");
    }
    let data = fs::metadata(keys.home.path().join("data")).expect("a directory");
    assert_eq!(data.permissions().mode() & 0o777, 0o700);
    let other = key_dkim(
        keys.home.path(),
        &["--algorithm", "ed25519", "--selector", "s2", "--domain", "mail.demo.example"],
    );
    let said = String::from_utf8(other.stdout).expect("UTF-8");
    assert_eq!(record(&said).0, "s2._domainkey.mail.demo.example");
    assert!(said.contains("domain = \"mail.demo.example\""), "{said}");
    let before = fs::read(&keys.files[1].1).expect("a file");
    let again = key_dkim(keys.home.path(), &["--algorithm", "ed25519"]);
    assert_eq!(again.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists"), "{again:?}");
    assert_eq!(fs::read(&keys.files[1].1).expect("a file"), before);
    let secret = String::from_utf8_lossy(&before).lines().nth(1).expect("a line").to_owned();
    assert!(!String::from_utf8_lossy(&again.stdout).contains(&secret));
}

#[test]
fn check_says_what_to_publish_and_what_is_wrong_with_a_key() {
    let keys = Keys::make();
    let check = |variables: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_vigie"))
            .arg("check")
            .current_dir(keys.home.path())
            .env_clear()
            .envs(variables.iter().copied())
            .output()
            .expect("the program starts");
        String::from_utf8(output.stdout).expect("UTF-8") + &String::from_utf8_lossy(&output.stderr)
    };
    let file = keys.files[1].1.to_str().expect("TMPDIR has a readable name");
    let selector = ("VIGIE__BRANDS__DEMO__DKIM__SELECTOR", "vigie-ed25519");
    let said = check(&[selector, ("VIGIE__BRANDS__DEMO__DKIM__KEY_FILE", file)]);
    let text = &keys.records["vigie-ed25519._domainkey.demo.example"];
    assert!(said.contains("demo needs vigie-ed25519._domainkey.demo.example. IN TXT"), "{said}");
    assert!(said.contains(text), "{said}");

    let pem = fs::read_to_string(file).expect("a file");
    let said = check(&[selector, ("VIGIE__BRANDS__DEMO__DKIM__KEY", &pem)]);
    assert!(said.contains(text), "from the environment: {said}");

    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("the file is ours");
    let said = check(&[selector, ("VIGIE__BRANDS__DEMO__DKIM__KEY_FILE", file)]);
    assert!(said.contains("has mode 0644") && said.contains("brand demo: dkim"), "{said}");
    let said = check(&[selector, ("VIGIE__BRANDS__DEMO__DKIM__KEY", "hunter2")]);
    assert!(said.contains("is no private key in PEM") && !said.contains("hunter2"), "{said}");
    let said = check(&[selector]);
    assert!(said.contains("either `key_file` or `key`"), "{said}");
}
