use tempfile::TempDir;

use super::*;
use crate::config::SAMPLE_BRAND;

const ACME: &str =
    "from = \"a@acme.example\"\ntracking_url = \"https://t.acme.example\"\nlanguage = \"fr\"\n";

/// A directory of brands.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn with_acme(text: &str) -> Self {
        let home = Self::new();
        home.write("acme/brand.toml", text);
        home
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Loads the default file with this directory, this file and these variables.
    fn load(&self, file: &str, variables: &[(&str, &str)]) -> Result<Config, Invalid> {
        let path = self.0.path().join(".vigie.toml");
        fs::write(&path, file).expect("a file");
        let here = ("VIGIE__BRAND_FOLDERS__DIR", self.0.path().to_str().expect("a readable name"));
        let variables = variables.iter().copied().chain([here]);
        Config::load(&[path], variables.map(|(name, text)| (name.into(), text.into())))
    }

    fn config(&self) -> Config {
        self.load("", &[]).expect("valid")
    }

    /// Reads the brand `acme`.
    fn acme(&self) -> Result<Brand, String> {
        self.acme_of(&self.config())
    }

    fn acme_of(&self, config: &Config) -> Result<Brand, String> {
        let read = config.read_folder(&name("acme"), &self.0.path().join("acme"));
        read.map_err(|invalid| invalid.to_string().replace(&self.0.path().display().to_string(), "DIR"))
    }

    /// Why the brand `acme` is refused if its file says this beside what it needs.
    fn refusal(more: &str) -> String {
        Self::with_acme(&format!("{ACME}{more}")).acme().expect_err(more)
    }
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

#[test]
fn a_folder_is_a_brand_with_its_templates_beside_its_file_or_in_templates() {
    let home = Home::with_acme(ACME);
    let acme = home.acme().expect("a brand");
    assert_eq!((acme.from.as_str(), acme.templates), ("a@acme.example", Some(home.0.path().join("acme"))));
    home.write("acme/templates/letter.fr.subject", "s");
    let apart = home.0.path().join("acme/templates");
    assert_eq!(home.acme().expect("a brand").templates, Some(apart));
    home.write("acme/letter.fr.subject", "s");
    let both = home.acme().expect_err("in two places");
    assert!(both.starts_with("the folder DIR/acme: templates lie in it and in its templates/"), "{both}");
    home.write("acme/brand.toml", &format!("{ACME}templates = \"letters\""));
    assert_eq!(home.acme().expect("a brand").templates, Some(home.0.path().join("acme/letters")));
}

#[test]
fn what_is_wrong_is_said_with_file_key_and_remedy() {
    let file = "the file DIR/acme/brand.toml";
    assert_eq!(Home::refusal("frm = \"x\""), format!("unknown key `frm` in {file}: did you mean `from`?"));
    let language = "`tracking_url` in the file DIR/acme/brand.toml is 5: expected text in quotes";
    assert_eq!(Home::with_acme("tracking_url = 5").acme().expect_err("a number"), language);
    let missing = format!("`tracking_url` is missing: add it to the table in {file}");
    assert_eq!(Home::with_acme("from = \"a@acme.example\"").acme().expect_err("no address"), missing);
    let relation = format!("{file}: `domain` must be a domain such as \"acme.example\", or empty");
    assert_eq!(Home::refusal("domain = \"no domain\""), relation);
    let syntax = Home::refusal("[relay]\npassword = hunter2 oops");
    assert!(syntax.starts_with(&format!("{file} is not valid TOML at line 5")), "{syntax}");
    assert!(!syntax.contains("hunter2"));
    let none = Home::new();
    none.write("acme/Brand.toml", ACME);
    assert!(
        none.acme().expect_err("no file").starts_with("the folder DIR/acme: has no brand.toml: write one")
    );
}

#[test]
fn a_brands_own_relay_is_checked_like_everybodys() {
    let file = "the file DIR/acme/brand.toml";
    let cases = [
        ("[relay]\nurl = \"http://x\"", "`relay.url` must be \"outbox:DIR\""),
        ("[relay]\nconnections = 0", "`relay.connections` (0) must be at least 1"),
        ("[relay]\nidle = \"10m\"", "`relay.idle` (600s) must not be longer than `relay.max_age` (300s)"),
        ("[relay]\nuser = \"u\"", "`relay.user` and `relay.password` belong together"),
        ("[relay.timeouts]\nmessage = \"1h\"", "`dispatch.attempt_timeout` (720s) must be longer than"),
    ];
    for (more, sentence) in cases {
        let refused = Home::refusal(more);
        assert!(refused.starts_with(&format!("{file}: {sentence}")), "{refused}");
    }
    let unknown = Home::refusal("[relay]\nurll = \"x\"");
    assert_eq!(unknown, format!("unknown key `relay.urll` in {file}: did you mean `relay.url`?"));
    let secret = Home::refusal("[relay]\npassword = 424242");
    assert!(secret.contains("`relay.password`") && !secret.contains("424242"), "{secret}");
}

#[test]
fn variables_override_a_folder_and_do_not_make_a_table() {
    let home = Home::with_acme(&format!("{ACME}[relay]\nurl = \"smtp://mail.example\"\nuser = \"u\""));
    let variables = [
        ("VIGIE__BRANDS__ACME__RELAY__PASSWORD", "424242"),
        ("VIGIE__BRANDS__ACME__RELAY__CONNECTIONS", "3"),
        ("VIGIE__BRANDS__ACME__FROM", "b@acme.example"),
        ("VIGIE__BRANDS__LATER__RELAY__PASSWORD", "424243"),
    ];
    let config = home.load("", &variables).expect("valid");
    assert_eq!(config.brands.keys().map(Name::as_str).collect::<Vec<_>>(), ["demo"]);
    let acme = home.acme_of(&config).expect("a brand");
    let relay = acme.relay(&config.relay);
    assert_eq!((relay.password.expose(), relay.connections), ("424242", 3));
    assert_eq!(acme.from, "b@acme.example");
    let shown = format!("{config:?} {acme:?}");
    assert!(!shown.contains("42424"), "{shown}");
    let refused = home.load("", &[("VIGIE__BRANDS__ACME__RELAY__IDLE", "soon")]).expect("valid");
    let refused = home.acme_of(&refused).expect_err("no duration");
    assert!(
        refused.starts_with("`relay.idle` in the variable VIGIE__BRANDS__ACME__RELAY__IDLE is \"soon\""),
        "{refused}"
    );
}

#[test]
fn a_brand_has_a_folder_or_a_table() {
    let home = Home::with_acme(ACME);
    let table = format!("[brands.acme]\n{ACME}");
    let refused = home.load(&table, &[]).expect_err("both").to_string();
    assert!(
        refused.contains("/acme: the brand has a table `brands.acme` in a file, too: remove one"),
        "{refused}"
    );
    let later = Home::new();
    let config = later.load(&table, &[]).expect("no folder yet");
    later.write("acme/brand.toml", ACME);
    assert!(later.acme_of(&config).expect_err("both").contains("has a table"));
}

#[test]
fn the_sample_gives_way_to_a_folder_of_its_name() {
    let home = Home::new();
    assert!(home.config().brands.contains_key(&name("demo")));
    home.write("demo/brand.toml", SAMPLE_BRAND);
    home.write("demo/templates/letter.en.subject", "s");
    let config = home.config();
    assert!(config.brands.is_empty());
    let (all, refused) = config.brands_now().expect("readable");
    assert_eq!((all.len(), refused.len()), (1, 0));
    assert_eq!(all[&name("demo")].templates, Some(home.0.path().join("demo/templates")));
}

#[test]
fn only_folders_count_and_their_names_are_brands() {
    let home = Home::with_acme(ACME);
    for other in [".git/config", "README.md", "..data/acme/brand.toml", "Acme FR/brand.toml"] {
        home.write(other, "x");
    }
    let found = home.config().folders().expect("readable");
    assert_eq!(found.brands.keys().map(Name::as_str).collect::<Vec<_>>(), ["acme"]);
    let refused: Vec<_> = found.refused().map(|invalid| invalid.to_string()).collect();
    assert!(
        matches!(refused.as_slice(), [only] if only.contains("Acme FR: its name must be 1 to 64")),
        "{refused:?}"
    );
    let nowhere = [("VIGIE__BRAND_FOLDERS__DIR".into(), "/nowhere/brands".into())];
    let refused = Config::load(&[], nowhere).expect_err("no directory").to_string();
    assert!(
        refused.starts_with("cannot read the directory of brands /nowhere/brands (`brand_folders.dir`): "),
        "{refused}"
    );
}

#[test]
fn every_change_gives_another_stamp() {
    let home = Home::with_acme(ACME);
    home.write("acme/templates/letter.fr.txt", "one");
    let stamp = || home.config().folders().expect("readable").brands[&name("acme")].stamp.clone();
    let mut known = vec![stamp()];
    let mut changed = |what: &str| {
        let now = stamp();
        assert!(!known.contains(&now), "{what}");
        known.push(now);
    };
    assert_eq!(stamp(), stamp());
    home.write("acme/templates/letter.fr.txt", "three");
    changed("a longer file");
    home.write("acme/templates/letter.fr.html", "");
    changed("one more file");
    fs::remove_file(home.0.path().join("acme/templates/letter.fr.html")).expect("it was there");
    home.write("other/brand.toml", ACME);
    fs::rename(home.0.path().join("acme"), home.0.path().join("old")).expect("renamed");
    std::os::unix::fs::symlink("other", home.0.path().join("acme")).expect("linked");
    changed("a link to another folder");
}
