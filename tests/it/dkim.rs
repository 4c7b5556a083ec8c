//! Signatures, verified by somebody else: dkimpy, the library of Debian's milters.

mod delivered;
mod letters;
mod making;
mod published;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Keys of the brand `demo`, made by `vigie key dkim`.
struct Keys {
    home: tempfile::TempDir,
    /// What the command said to publish, as a DNS server would answer.
    records: BTreeMap<String, String>,
    /// Selector and file of each.
    files: Vec<(String, PathBuf)>,
}

impl Keys {
    /// One key of each algorithm.
    fn make() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut keys = Self { home, records: BTreeMap::new(), files: Vec::new() };
        for algorithm in ["rsa", "ed25519"] {
            let output = key_dkim(keys.home.path(), &["--algorithm", algorithm]);
            assert!(output.status.success(), "{output:?}");
            let said = String::from_utf8(output.stdout).expect("UTF-8");
            let (name, text) = record(&said);
            keys.records.insert(name, text);
            let selector = format!("vigie-{algorithm}");
            let file = keys.home.path().join("data/dkim").join(format!("demo.{selector}.pem"));
            keys.files.push((selector, file));
        }
        keys
    }

    /// What the verifier finds in each of these mails: algorithm, whether it is valid, which names are signed.
    fn verify(&self, mails: &[Vec<u8>]) -> Vec<Vec<(String, Value, Vec<String>)>> {
        let mails: Vec<_> = mails.iter().map(|mail| STANDARD.encode(mail)).collect();
        let order = json!({"records": self.records, "mails": mails}).to_string();
        // Debian's own: dkimpy is one of its packages.
        let mut child = Command::new("/usr/bin/python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/dkim/verify.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/install installs python3");
        child.stdin.take().expect("it is piped").write_all(order.as_bytes()).expect("it reads all");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "the verifier failed: is python3-dkim installed?");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Fails unless each mail carries one valid signature of each algorithm.
    fn all_valid(&self, mails: &[Vec<u8>]) {
        let found = self.verify(mails);
        assert_eq!(found.len(), mails.len());
        for (signatures, mail) in found.iter().zip(mails) {
            let results: Vec<_> =
                signatures.iter().map(|(algorithm, valid, _)| (algorithm.as_str(), valid)).collect();
            let expected = [("rsa-sha256", &json!(true)), ("ed25519-sha256", &json!(true))];
            assert_eq!(results, expected, "{}", String::from_utf8_lossy(mail));
        }
    }
}

/// Runs `vigie key dkim --brand demo` in a directory.
fn key_dkim(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(["key", "dkim", "--brand", "demo"])
        .args(arguments)
        .current_dir(home)
        .env_clear()
        .output()
        .expect("the program starts")
}

/// Name and text of the TXT record in what the command said.
fn record(said: &str) -> (String, String) {
    let line = said.lines().find(|line| line.contains(" IN TXT ")).expect("a record");
    let (name, text) = line.split_once(". IN TXT ").expect("a name");
    (name.to_owned(), text.split('"').skip(1).step_by(2).collect())
}
