//! A brand's hours: what the sample says, and what cannot be.

use super::*;
use crate::config::SAMPLE_BRAND;
use crate::hours::Timetable;

/// The hours that stand in the sample as comments.
fn sample() -> Timetable {
    let lines = SAMPLE_BRAND.lines().skip_while(|line| *line != "# [hours]").skip(1);
    let lines = lines.take_while(|line| line.starts_with("# "));
    // What is no sentence.
    let is_toml = |line: &&str| line.contains(" = ") || *line == "]";
    let text: Vec<_> = lines.map(|line| &line[2..]).filter(is_toml).collect();
    toml::from_str(&text.join("\n")).expect("the sample's hours")
}

fn hours(text: &str) -> Timetable {
    toml::from_str(&format!("zone = \"Europe/Paris\"\n{text}")).expect("hours")
}

#[test]
fn the_samples_hours_can_be_used() {
    let found = sample();
    assert_eq!((found.zone.name(), found.open.len(), found.holidays.dates.len()), ("Europe/Paris", 2, 1));
    assert!(found.holidays.country.is_some() && found.spread == Duration::from_mins(30));
    assert!(demo(&mut Config::load(&[], []).expect("the default file")).hours.is_none(), "they are comments");
    none(|c| demo(c).hours = Some(sample()));
}

#[test]
fn a_brand_that_can_never_write_is_refused() {
    one("`brands.demo.hours.open` is empty", |c| demo(c).hours = Some(hours("open = []")));
    for (from, to) in [("20:00", "08:00"), ("08:00", "08:00"), ("24:00", "24:00")] {
        one("`brands.demo.hours.open.0` ends before it begins", |c| {
            demo(c).hours =
                Some(hours(&format!("open = [{{ days = \"mon\", from = \"{from}\", to = \"{to}\" }}]")));
        });
    }
    let dates = vec!["\"12-24\""; 101].join(", ");
    one("`brands.demo.hours.holidays.dates` has 101 days", |c| {
        demo(c).hours = Some(hours(&format!(
            "open = [{{ days = \"mon\", from = \"00:00\", to = \"24:00\" }}]\nholidays = {{ dates = [{dates}] }}"
        )));
    });
}

#[test]
fn a_word_that_is_wrong_is_named_with_what_would_be_right() {
    let refused = |line: &str| {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("vigie.toml");
        let lines =
            ["zone = \"Europe/Paris\"", "open = [{ days = \"mon\", from = \"08:00\", to = \"20:00\" }]"];
        let key = line.split(' ').next().expect("a key");
        let lines: Vec<_> = lines.into_iter().filter(|other| !other.starts_with(key)).chain([line]).collect();
        std::fs::write(&file, format!("[brands.demo.hours]\n{}", lines.join("\n"))).expect("ours");
        Config::load(&[file], []).expect_err("refused").to_string()
    };
    for (line, key, expected) in [
        ("zone = \"Paris\"", "zone", "an IANA time zone such as \"Europe/Paris\""),
        (
            "open = [{ days = \"mon-fry\", from = \"08:00\", to = \"20:00\" }]",
            "open.0.days",
            "days such as \"mon-fri\", \"sat\" or",
        ),
        (
            "open = [{ days = \"mon\", from = \"8h\", to = \"20:00\" }]",
            "open.0.from",
            "a time such as \"08:00\"",
        ),
        ("holidays = { country = \"XX\" }", "holidays.country", "one of BE, CH, DE, ES, FR, GB-ENG"),
        ("holidays = { dates = [\"24.12.\"] }", "holidays.dates.0", "a day such as \"2026-12-24\""),
        ("spread = \"long\"", "spread", "a duration such as"),
    ] {
        let said = refused(line);
        assert!(said.contains(&format!("`brands.demo.hours.{key}`")) && said.contains(expected), "{said}");
    }
}
