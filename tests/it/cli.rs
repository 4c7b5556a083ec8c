//! The program from outside: exit codes, sentences, files and their modes.

mod certificates;
mod classify;
mod store;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// An installation whose secrets exist already.
struct Installation {
    dir: TempDir,
}

impl Installation {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let brand = vigie::model::Grantee::Brand("demo".parse().expect("a name"));
        vigie::secrets::prepare(&dir.path().join("data"), &[brand], None).expect("secrets");
        Self { dir }
    }

    fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    fn vigie(&self, arguments: &[&str]) -> Output {
        vigie(self.dir.path(), arguments, "")
    }

    fn mint(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.vigie(&[&["token", "mint", "--json"], arguments].concat());
        assert_eq!(code(&output), 0, "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

/// Runs the program in `dir`, without variables of ours.
fn vigie(dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // It may end without reading all of it.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn alone(arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    vigie(dir.path(), arguments, "")
}

#[test]
fn help_and_version_are_answers() {
    for arguments in [["--help"], ["--version"], ["help"]] {
        let output = alone(&arguments);
        assert_eq!((code(&output), output.stderr.len()), (0, 0), "{arguments:?}");
        assert!(text(&output.stdout).contains("vigie"));
    }
}

#[test]
fn a_wrong_command_line_exits_64() {
    for arguments in [
        &["nonsense"][..],
        &["token", "mint", "--kind", "pixel"],
        &["token", "mint", "-", "--brand", "demo"],
        &["token", "mint", "--brand", "Not A Name"],
        &["token", "mint", "--base-url", "https://t.example/"],
        &["key", "new"],
        &["key", "new", "--role", "producer"],
        &["key", "new", "--role", "signals", "--brand", "demo"],
    ] {
        let output = alone(arguments);
        assert_eq!(code(&output), 64, "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
}

#[test]
fn a_wrong_configuration_exits_78_with_one_sentence() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("bad.toml"), "[edge]\nlisen = \"127.0.0.1:1\"\n").expect("written");
    for (arguments, sentence) in [
        (
            ["--config", "bad.toml", "token", "inspect", "x"],
            "vigie: unknown key `edge.lisen` in the file bad.toml: did you mean `edge.listen`?\n",
        ),
        (
            ["token", "inspect", "x", "--config", "none.toml"],
            "vigie: cannot read the configuration file none.toml: No such file or directory (os error 2)\n",
        ),
    ] {
        let output = vigie(dir.path(), &arguments, "");
        assert_eq!((code(&output), text(&output.stderr).as_str()), (78, sentence));
    }
}

#[test]
fn the_printed_default_file_is_a_configuration() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let output = alone(&["default-config"]);
    assert_eq!(code(&output), 0);
    assert_eq!(text(&output.stdout), vigie::config::DEFAULT);
    let file = dir.path().join("vigie.toml");
    fs::write(&file, &output.stdout).expect("written");
    vigie::config::Config::load(&[file], []).expect("valid");
}

#[test]
fn the_printed_brand_is_one() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let output = alone(&["default-brand"]);
    assert_eq!((code(&output), text(&output.stdout).as_str()), (0, vigie::config::SAMPLE_BRAND));
    fs::create_dir(dir.path().join("acme")).expect("made");
    fs::write(dir.path().join("acme/brand.toml"), &output.stdout).expect("written");
    let folders = ("VIGIE__BRAND_FOLDERS__DIR".into(), dir.path().into());
    let (brands, refused) =
        vigie::config::Config::load(&[], [folders]).expect("valid").brands_now().expect("read");
    assert_eq!((brands.len(), refused.len()), (2, 0), "beside the sample: {refused:?}");
}

#[test]
fn tokens_need_secrets_and_make_none() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let output = vigie(dir.path(), &["token", "mint", "--brand", "demo", "--email", "a@b.example"], "");
    assert_eq!(code(&output), 78);
    assert!(text(&output.stderr).contains("data/secrets.toml does not exist: start `vigie serve` once"));
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0);
}

#[test]
fn secrets_that_others_may_read_exit_78_with_the_remedy() {
    let installation = Installation::new();
    let file = installation.data().join("secrets.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("changed");
    let output = installation.vigie(&["token", "inspect", "x"]);
    assert_eq!(code(&output), 78);
    assert!(text(&output.stderr).contains("has mode 0644"), "{output:?}");
    assert!(text(&output.stderr).contains("run `chmod 600 ./data/secrets.toml`"), "{output:?}");
}

#[test]
fn what_is_minted_is_what_is_inspected() {
    let installation = Installation::new();
    let click = [
        "--brand",
        "demo",
        "--email",
        "Marie@Example.org",
        "--kind",
        "click",
        "--to",
        "https://x.example/?a=1",
    ];
    let minted =
        installation.mint(&[&click[..], &["--send", "s-1", "--expires", "2999-12-31T00:00:00Z"]].concat());
    let url = minted["url"].as_str().expect("a URL");
    assert!(url.starts_with("http://127.0.0.1:8080/c/"), "{url}");
    let output = installation.vigie(&["token", "inspect", "--json", url]);
    assert_eq!(code(&output), 0, "{output:?}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for (field, value) in [
        ("kind", "click"),
        ("brand", "demo"),
        ("purpose", "presence"),
        ("to", "https://x.example/?a=1"),
        ("expires", "3000-01-01"),
    ] {
        assert_eq!(found[field], value, "{found}");
    }
    assert_eq!((&found["verifies"], &found["key"]), (&true.into(), &1.into()));
}

#[test]
fn one_pixel_is_printed_for_people() {
    let installation = Installation::new();
    let output = installation.vigie(&["token", "mint", "--brand", "demo", "--email", "a@b.example"]);
    let shown = text(&output.stdout);
    let lines: Vec<&str> = shown.lines().collect();
    let token = lines[0].strip_prefix("token ").expect("the token first");
    assert_eq!(lines[1], format!("url   http://127.0.0.1:8080/o/{token}.gif"));
    assert!(lines[2].starts_with("html  <img src=\"http://127.0.0.1:8080/o/"));
    let output = installation.vigie(&["token", "inspect", token]);
    assert!(
        text(&output.stdout).starts_with("verifies  yes\nkind      open\nbrand     demo\n"),
        "{output:?}"
    );
}

#[test]
fn a_token_that_does_not_verify_exits_65_and_says_why() {
    let (ours, theirs) = (Installation::new(), Installation::new());
    let pixel = ["--brand", "demo", "--email", "a@b.example"];
    let minted = ours.mint(&pixel);
    let token = minted["token"].as_str().expect("a token");
    let unknown = token.replacen("AQEAAQ", "AQEABw", 1);
    for (installation, token, why) in [
        (&theirs, token, "its signature does not fit"),
        (&ours, &unknown, "it names key 7, which is not in secrets.toml"),
        (&ours, "oops", "it is not a token"),
        (&ours, "", "it is not a token"),
    ] {
        let output = installation.vigie(&["token", "inspect", token]);
        assert_eq!((code(&output), text(&output.stdout).as_str()), (65, "verifies  no\n"));
        assert!(text(&output.stderr).contains(why), "{output:?}");
    }
}

#[test]
fn many_tokens_come_from_standard_input_in_order() {
    let installation = Installation::new();
    let input = "{\"brand\":\"demo\",\"email\":\"a@b.example\",\"kind\":\"open\"}\n\n\
                 {\"brand\":\"demo\",\"email\":\"marie@@b\",\"kind\":\"open\"}\n\
                 not json\n\
                 {\"brand\":\"demo\",\"email\":\"a@b.example\",\"kind\":\"unsubscribe\"}";
    let output = vigie(installation.dir.path(), &["token", "mint", "-"], input);
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let has: Vec<bool> = lines.iter().map(|line| line["url"].is_string()).collect();
    assert_eq!((code(&output), has), (65, vec![true, false, false, true]), "{output:?}");
    assert_eq!(lines[1]["error"], "`email` is not an e-mail address like name@example.org");
    assert_eq!(text(&output.stderr), "vigie: 2 of 4 lines gave no token\n");
    let longest = format!("{{\"brand\":\"{}\"}}", "x".repeat(70_000));
    let output = vigie(installation.dir.path(), &["token", "mint", "-"], &longest);
    assert_eq!(code(&output), 65);
    assert!(text(&output.stderr).contains("longer than `api.max_line` (65536 bytes)"), "{output:?}");
}

#[test]
fn a_wrong_order_exits_65_and_names_the_field() {
    let installation = Installation::new();
    for (arguments, sentence) in [
        (
            &["--brand", "nobody", "--email", "a@b.example"][..],
            "vigie: `brand` is not one that this gateway knows\n",
        ),
        (&["--email", "a@b.example"], "vigie: `brand` or `partner` is needed, and not both\n"),
        (&["--brand", "demo"], "vigie: `email` or `recipient` is needed, and not both\n"),
        (
            &["--partner", "shop", "--email", "a@b.example"],
            "vigie: `partner` is not one that this gateway knows\n",
        ),
    ] {
        let output = installation.vigie(&[&["token", "mint"], arguments].concat());
        assert_eq!((code(&output), text(&output.stderr).as_str()), (65, sentence));
    }
}

#[test]
fn a_new_key_prints_lines_that_fit_the_configuration() {
    let output = alone(&["key", "new", "--role", "producer", "--brand", "demo"]);
    let shown = text(&output.stdout);
    let key = shown.lines().find(|line| line.starts_with("vg_producer_")).expect("the key").to_owned();
    let (_, lines) = shown.split_once("[[api.keys]]").expect("the lines for the configuration");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("keys.toml");
    fs::write(&file, format!("[[api.keys]]{lines}")).expect("written");
    let config = vigie::config::Config::load(&[file], []).expect("valid");
    assert_eq!(config.api.keys[0].hash, vigie::secrets::hash(&key));
    assert!(key.starts_with(&format!("vg_producer_{}_", config.api.keys[0].id)));
    assert_eq!(shown.matches(&key).count(), 1, "shown once");
}

#[test]
fn output_that_nobody_reads_is_no_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .arg("default-config")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.stderr.is_empty(), "{output:?}");
}
