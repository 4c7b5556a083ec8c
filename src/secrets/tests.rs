use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::model::{Grantee, Name, RecipientId};
use crate::token::{Kind, Purpose, Token};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn brand(text: &str) -> Grantee {
    Grantee::Brand(name(text))
}

fn dir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn open() -> Token {
    Token {
        kind: Kind::Open,
        expires: None,
        recipient: RecipientId([7; 16]),
        send: None,
        purpose: Purpose::Presence,
        destination: String::new(),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file exists").permissions().mode() & 0o7777
}

/// Why the secrets are refused after `change` to the file made by a first start.
fn refusal(change: impl FnOnce(&str) -> String) -> String {
    let dir = dir();
    prepare(dir.path(), &[brand("demo")], None).expect("made");
    let path = dir.path().join(SECRETS_FILE);
    let text = fs::read_to_string(&path).expect("readable");
    fs::write(&path, change(&text)).expect("written");
    let error = Secrets::read(dir.path()).expect_err("must be refused").to_string();
    let for_start = prepare(dir.path(), &[brand("demo")], None).expect_err("must be refused").to_string();
    assert_eq!(error, for_start, "reading and starting refuse alike");
    error.strip_prefix(&path.display().to_string()).expect("names the file").to_owned()
}

#[test]
fn the_first_start_makes_private_files_and_the_second_reads_them() {
    let dir = dir();
    let data = dir.path().join("deep/data");
    let first = prepare(&data, &[brand("demo")], None).expect("made");
    let files = [data.join(SECRETS_FILE), data.join(OPERATOR_FILE)];
    assert_eq!(first.made, files);
    assert_eq!(files.each_ref().map(|file| mode(file)), [0o600, 0o600]);
    assert_eq!(mode(&data), 0o700);
    let second = prepare(&data, &[brand("demo")], None).expect("read");
    assert_eq!(second.made, Vec::<PathBuf>::new());
    assert_eq!(second.operator.key.hash, first.operator.key.hash);
    let token = open().mint(&first.secrets.ring, &brand("demo")).expect("minted");
    assert!(Token::verify(token.as_bytes(), Kind::Open, 1, &second.secrets.ring).is_ok());
    let id = |secrets: &Secrets| secrets.identity.of_address("a@b.example").expect("an address");
    assert_eq!(id(&first.secrets), id(&second.secrets));
    assert!(second.secrets.ring.seal(&name("demo")).is_some());
}

#[test]
fn two_installations_have_nothing_in_common() {
    let (a, b) = (dir(), dir());
    let text = |dir: &TempDir| {
        prepare(dir.path(), &[brand("demo")], None).expect("made");
        fs::read_to_string(dir.path().join(SECRETS_FILE)).expect("readable")
    };
    let (a, b) = (text(&a), text(&b));
    let secrets = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("secret = ")).map(str::to_owned).collect()
    };
    assert_eq!(secrets(&a).len(), 4);
    assert!(secrets(&a).iter().all(|secret| !b.contains(secret)));
}

#[test]
fn a_new_brand_gets_keys_and_nothing_else_changes() {
    let dir = dir();
    let first = prepare(dir.path(), &[brand("demo")], None).expect("made");
    let before = fs::read_to_string(dir.path().join(SECRETS_FILE)).expect("readable");
    let both = [brand("acme.fr"), brand("demo")];
    let second = prepare(dir.path(), &both, None).expect("extended");
    let after = fs::read_to_string(dir.path().join(SECRETS_FILE)).expect("readable");
    assert!(after.starts_with(&before));
    assert_eq!(second.made, [dir.path().join(SECRETS_FILE)]);
    let key = second.secrets.ring.newest(&brand("acme.fr"), Kind::Click).expect("a key");
    assert_eq!(key.id(), 2);
    let token = open().mint(&first.secrets.ring, &brand("demo")).expect("minted");
    assert!(Token::verify(token.as_bytes(), Kind::Open, 1, &second.secrets.ring).is_ok());
}

#[test]
fn a_new_partner_gets_a_key_for_its_pixels_alone() {
    let dir = dir();
    prepare(dir.path(), &[brand("demo")], None).expect("made");
    let news = Grantee::Partner(name("news"));
    let both = [brand("demo"), news.clone()];
    let second = prepare(dir.path(), &both, None).expect("extended");
    let ring = &second.secrets.ring;
    assert_eq!(ring.newest(&news, Kind::Partner).expect("a key").id(), 2);
    assert!(ring.newest(&news, Kind::Open).is_err() && ring.newest(&brand("news"), Kind::Open).is_err());
    assert!(prepare(dir.path(), &both, None).expect("read").made.is_empty());
}

#[test]
fn a_file_without_a_vault_gets_the_same_one_everywhere() {
    let (one, other) = (dir(), dir());
    prepare(one.path(), &[brand("demo")], None).expect("made");
    let path = |dir: &TempDir| dir.path().join(SECRETS_FILE);
    let text = fs::read_to_string(path(&one)).expect("readable");
    let (before, rest) = text.split_once("[vault]\n").expect("a vault");
    let (_, after) = rest.split_once("\n\n").expect("more entries");
    let old = format!("{before}{after}");
    let vault = |dir: &TempDir| {
        fs::write(path(dir), &old).expect("written");
        fs::set_permissions(path(dir), fs::Permissions::from_mode(0o600)).expect("changed");
        let read = Secrets::read(dir.path()).expect("also without").vault;
        let prepared = prepare(dir.path(), &[brand("demo")], None).expect("extended");
        assert_eq!(prepared.made[0], path(dir));
        let text = fs::read_to_string(path(dir)).expect("readable");
        assert!(text.starts_with(&old) && text.contains("\n[vault]\nsecret = "), "appended");
        let again = prepare(dir.path(), &[brand("demo")], None).expect("complete");
        assert!(again.made.is_empty());
        [read, prepared.secrets.vault, again.secrets.vault]
    };
    let account = Account {
        host: "h".into(),
        port: 993,
        tls: Protection::Implicit,
        user: Secret::new("u"),
        access: Access::Password(Secret::new("p")),
        proof: "p".into(),
        since: jiff::Timestamp::UNIX_EPOCH,
    };
    let [first, ..] = vault(&one);
    let sealed = first.seal(RecipientId([1; 16]), &account).expect("sealed");
    for vault in vault(&one).into_iter().chain(vault(&other)) {
        assert_eq!(vault.open(RecipientId([1; 16]), &sealed).as_ref(), Ok(&account));
    }
}

#[test]
fn gateways_that_start_together_agree() {
    let dir = dir();
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let start = || {
            let prepared = prepare(dir.path(), &[brand("demo")], None).expect("made or read");
            let token = open().mint(&prepared.secrets.ring, &brand("demo")).expect("minted");
            format!("{token} {}", prepared.operator.key.hash)
        };
        let gateways: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
        gateways.into_iter().map(|gateway| gateway.join().expect("no panic")).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]), "all sign with the same key");
}

#[test]
fn a_gateway_that_runs_gets_a_new_brands_keys_with_the_old_ones() {
    let dir = dir();
    let started = prepare(dir.path(), &[brand("demo")], None).expect("made").secrets;
    let token = open().mint(&started.ring, &brand("demo")).expect("minted");
    let (ring, made) = again(dir.path(), &[brand("acme")], false, &started.identity).expect("readable");
    assert!(made.is_empty() && open().mint(&ring, &brand("acme")).is_err(), "they are to be brought");
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let extend = || {
            let (ring, _) = again(dir.path(), &[brand("acme")], true, &started.identity).expect("extended");
            assert!(Token::verify(token.as_bytes(), Kind::Open, 0, &ring).is_ok(), "the old keys stay");
            open().mint(&ring, &brand("acme")).expect("minted")
        };
        let gateways: Vec<_> = (0..8).map(|_| scope.spawn(extend)).collect();
        gateways.into_iter().map(|gateway| gateway.join().expect("no panic")).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]), "gateways that share the file agree");
}

#[test]
fn a_gateway_that_runs_takes_no_other_installations_secrets() {
    let (ours, theirs) = (dir(), dir());
    let identity = prepare(ours.path(), &[brand("demo")], None).expect("made").secrets.identity;
    prepare(theirs.path(), &[brand("demo")], None).expect("made");
    let refused = again(theirs.path(), &[brand("demo")], true, &identity).expect_err("another identity");
    assert!(
        refused.to_string().contains("[identity] is not what this gateway was started with"),
        "{refused}"
    );
}

#[test]
fn a_higher_key_signs_and_a_removed_one_no_longer_verifies() {
    let dir = dir();
    let demo = Grantee::Brand(name("demo"));
    let first = prepare(dir.path(), &[brand("demo")], None).expect("made").secrets;
    let old = open().mint(&first.ring, &demo).expect("minted");
    let path = dir.path().join(SECRETS_FILE);
    let text = fs::read_to_string(&path).expect("readable");
    let secret = random_secret().expect("random");
    let next = format!("[[keys]]\nid = 9\nbrand = \"demo\"\nkinds = [\"open\"]\nsecret = \"{secret}\"\n");
    let signer = |text: &str| {
        fs::write(&path, text).expect("written");
        let ring = Secrets::read(dir.path()).expect("read").ring;
        let old = Token::verify(old.as_bytes(), Kind::Open, 1, &ring).is_ok();
        (ring.newest(&demo, Kind::Open).expect("a key").id(), old)
    };
    assert_eq!(signer(&format!("{text}\n{next}signs = false\n")), (1, true));
    assert_eq!(signer(&format!("{text}\n{next}")), (9, true));
    let without = text.replace("id = 1\nbrand", "id = 8\nbrand");
    assert_eq!(signer(&format!("{without}\n{next}")), (9, false));
}

#[test]
fn files_that_others_may_read_are_refused() {
    for (file, bits) in [(SECRETS_FILE, 0o640), (SECRETS_FILE, 0o604), (OPERATOR_FILE, 0o620)] {
        let dir = dir();
        prepare(dir.path(), &[brand("demo")], None).expect("made");
        let path = dir.path().join(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).expect("changed");
        let error = prepare(dir.path(), &[brand("demo")], None).expect_err("must be refused").to_string();
        assert!(error.contains(&format!("has mode {bits:04o}")), "{error}");
        assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
    }
}

#[test]
fn guessable_and_shared_secrets_are_refused() {
    let short = refusal(|text| {
        let entry = "[[seals]]\nbrand = \"b\"\nsecret = \"c2hvcnQ\"\n";
        format!("{text}\n{entry}")
    });
    assert!(short.starts_with(": the secret of the seal of b has 5 bytes"), "{short}");
    let equal = refusal(|text| {
        let first = text.lines().find(|line| line.starts_with("secret")).expect("a secret");
        format!("{text}\n[[keys]]\nid = 7\nbrand = \"b\"\nkinds = [\"open\"]\n{first}\n")
    });
    assert!(equal.starts_with(": [identity] and key 7 have the same secret"), "{equal}");
    let twice = refusal(|text| {
        let secret = random_secret().expect("random");
        format!("{text}\n[[keys]]\nid = 1\nbrand = \"b\"\nkinds = [\"open\"]\nsecret = \"{secret}\"\n")
    });
    assert!(twice.starts_with(": key 1 stands in the ring twice"), "{twice}");
}

#[test]
fn what_vigie_did_not_write_is_refused() {
    let unknown = refusal(|text| text.replace("\n[identity]\n", "\n[identity]\nsecrte = 1\n"));
    assert!(unknown.contains("is wrong at line") && unknown.contains("unknown field `secrte`"), "{unknown}");
    let owner = refusal(|text| text.replace("id = 1\n", "id = 1\npartner = \"p\"\n"));
    assert!(owner.starts_with(": key 1 must have either `brand` or `partner`"), "{owner}");
    let seals = refusal(|text| {
        let secret = random_secret().expect("random");
        format!("{text}\n[[seals]]\nbrand = \"demo\"\nsecret = \"{secret}\"\n")
    });
    assert!(seals.starts_with(": the brand demo has two seals"), "{seals}");
    let base64 = refusal(|text| text.replace("[identity]\nsecret = \"", "[identity]\nsecret = \"!"));
    assert_eq!(base64, ": the secret of [identity] is not base64url without padding");
}

#[test]
fn reading_makes_nothing() {
    let dir = dir();
    let error = Secrets::read(dir.path()).expect_err("nothing there").to_string();
    assert!(error.contains("start `vigie serve` once"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0);
}

#[test]
fn the_operators_key_may_come_from_outside() {
    let dir = dir();
    let given = "vg_operator_outside_0123456789";
    let prepared = prepare(dir.path(), &[brand("demo")], Some(given)).expect("made");
    assert_eq!((prepared.operator.key.hash, prepared.operator.file), (hash(given), None));
    assert!(!dir.path().join(OPERATOR_FILE).exists());
    for bad in ["", "short", "nineteen characters", "twenty characters and a space"] {
        let error = prepare(dir.path(), &[brand("demo")], Some(bad)).expect_err(bad).to_string();
        assert!(error.starts_with("VIGIE_OPERATOR_KEY must hold"), "{error}");
    }
}

#[test]
fn an_operators_key_names_itself_by_its_id_and_shows_nothing() {
    let dir = dir();
    let operator = prepare(dir.path(), &[brand("demo")], None).expect("made").operator;
    let text = fs::read_to_string(dir.path().join(OPERATOR_FILE)).expect("readable");
    let parts: Vec<&str> = text.trim().splitn(4, '_').collect();
    assert_eq!(
        (parts[0], parts[1], parts[2], parts[3].len()),
        ("vg", "operator", operator.key.id.as_str(), 43)
    );
    assert_eq!(hash(text.trim()), operator.key.hash);
    assert!(!format!("{operator:?}").contains(parts[3]));
}
