//! The sample letters pass, and each without one of its elements does not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::config::Brand;
use crate::model::{CaseFacts, Grantee, OnDeadline, OnUncertain, RecipientId, SendId, SendSpec};
use crate::redact::Mailbox;
use crate::render::*;
use crate::token::{Key, KeyRing, Kind, Seal};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/brands/recouvrement");

fn brand() -> Brand {
    let text = fs::read_to_string(format!("{SAMPLE}/brand.toml")).expect("it ships");
    let brand: Brand = toml::from_str(&text).expect("it is a brand");
    Brand { templates: Some(format!("{SAMPLE}/templates").into()), ..brand }
}

fn renderer_of(brand: Brand) -> Result<Renderer, RenderError> {
    let name: Name = "recouvrement".parse().expect("a name");
    let key = Key::new(1, Grantee::Brand(name.clone()), vec![Kind::Open, Kind::Click], true, &[7; 32]);
    let ring = KeyRing::new(vec![key.expect("a key")], vec![(name.clone(), Seal::new(&[8; 32]))]);
    Renderer::new(&BTreeMap::from([(name, brand)]), Arc::new(ring.expect("a ring")))
}

/// The brand with this text of this file changed.
fn changed(file: &str, text: &str, other: &str) -> (tempfile::TempDir, Brand) {
    let directory = tempfile::tempdir().expect("a directory");
    for entry in fs::read_dir(format!("{SAMPLE}/templates")).expect("they ship") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, directory.path().join(path.file_name().expect("a name"))).expect("copied");
    }
    change(&directory.path().join(file), text, other);
    let brand = Brand { templates: Some(directory.path().to_owned()), ..brand() };
    (directory, brand)
}

/// Why the brand is refused then.
fn refused(file: &str, text: &str, other: &str) -> String {
    let (_directory, brand) = changed(file, text, other);
    renderer_of(brand).expect_err(&format!("{file} without {text:?}")).to_string()
}

fn change(file: &Path, text: &str, other: &str) {
    let source = fs::read_to_string(file).expect("it was copied");
    assert!(source.contains(text), "{text:?} in {}", file.display());
    fs::write(file, source.replace(text, other)).expect("the directory is ours");
}

fn facts(change: impl Fn(&mut Json)) -> CaseFacts {
    let mut facts = json!({"amount": "130.50", "currency": "EUR",
        "first_letter": {"reference": "L-7", "date": "2026-02-01"},
        "attributes": {"creditor": {"name": "Énergie Exemple", "address": "2 quai Exemple, 69001 Lyon"},
            "basis": "facture F-12 du 3 janvier 2026", "principal": "120.50", "interest": "10", "other": "0"}});
    change(&mut facts);
    serde_json::from_value(facts).expect("facts")
}

fn spec(template: &str) -> SendSpec {
    let brand: Name = "recouvrement".parse().expect("a name");
    SendSpec {
        id: SendId::derive(&brand, "s-1"),
        reference: "s-1".into(),
        brand,
        campaign: None,
        case: Some("D-17".into()),
        recipient: RecipientId([9; 16]),
        to: Mailbox::new("marie@example.org".into(), None),
        template: template.parse().expect("a name"),
        vars: serde_json::Map::new(),
        not_before: None,
        deadline: None,
        on_deadline: OnDeadline::Send,
        zone: None,
        priority: 0,
        on_uncertain: OnUncertain::Hold,
        digest: String::new(),
    }
}

#[test]
fn the_samples_pass() {
    let renderer = renderer_of(brand()).expect("the samples are sound");
    for template in ["notice", "recall"] {
        assert_eq!(renderer.try_out(&spec(template), Some(&facts(|_| {}))), Ok(()), "{template}");
    }
}

/// What is taken away, and the words of the refusal.
const NOTICE: [(&str, &str, &str); 12] = [
    ("{{ collector.name }}", "1°", "{{ collector.name }}"),
    ("{{ collector.address }}", "1°", "{{ collector.address }}"),
    ("activité de recouvrement amiable", "1°", "collects amicably"),
    ("{{ creditor.name }}", "2°", "{{ creditor.name }}"),
    ("{{ creditor.address }}", "2°", "{{ creditor.address }}"),
    ("{{ basis }}", "3°", "founded on"),
    ("{{ principal | money }}", "3°", "{{ principal }}"),
    ("{{ interest | money }}", "3°", "{{ interest }}"),
    ("{{ other | money }}", "3°", "{{ other }}"),
    ("Nous vous demandons de payer", "4°", "the demand to pay"),
    ("{{ payment_url }}", "4°", "the means of payment"),
    ("titre exécutoire", "5°", "L111-8, second paragraph"),
];

#[test]
fn a_first_letter_without_an_element_is_refused() {
    for part in ["txt", "html"] {
        let file = format!("notice.fr.{part}");
        for (text, number, words) in NOTICE {
            let sentence = refused(&file, text, "");
            let named = format!("brand recouvrement: template {file} lacks ");
            assert!(sentence.starts_with(&named), "{sentence}");
            assert!(sentence.contains(&format!("(R124-4, {number} CPCE)")), "{sentence}");
            assert!(sentence.contains(words), "{sentence}");
        }
        assert!(refused(&file, "{{ amount }}", "").contains("{{ amount }} or {{ amount_value }}"));
        assert!(refused(&file, "mauvaise foi", "bonne foi").contains("L111-8, third paragraph"));
    }
}

#[test]
fn a_later_letter_recalls_the_first() {
    for part in ["txt", "html"] {
        let file = format!("recall.fr.{part}");
        for text in ["{{ first_letter.reference }}", "{{ first_letter.date }}"] {
            let sentence = refused(&file, text, "");
            assert!(sentence.contains("the reference and date of the first letter"), "{sentence}");
            assert!(sentence.contains(text) && sentence.contains("last paragraph"), "{sentence}");
        }
        assert!(refused(&file, "{{ amount }}", "a lot").contains("lacks the amount"));
    }
}

#[test]
fn all_that_is_missing_is_told_at_once_and_what_is_hidden_is_missing() {
    let hidden = refused("notice.fr.html", "<table ", "<table style=\"display: none\" ");
    assert!(hidden.contains("notice.fr.html lacks the amount, divided"), "{hidden}");
    let conditional =
        refused("notice.fr.txt", "{{ basis }}", "{% if false %}{{ basis }}{% endif %}{{ creditor.name }}");
    assert!(conditional.contains("founded on"), "{conditional}");
    let plain = Brand { templates: None, first_letters: Vec::new(), ..brand() };
    let all = renderer_of(plain).expect_err("the built-in samples are no such letters").to_string();
    assert!(all.matches(" lacks ").count() > 10, "{all}");
    for file in ["reminder.en.txt", "reminder.en.html", "reminder.fr.txt", "reminder.fr.html"] {
        assert!(all.contains(file), "each language, each part: {all}");
    }
    let unknown = Brand { first_letters: vec!["nothing".parse().expect("a name")], ..brand() };
    let unknown = renderer_of(unknown).expect_err("no such template").to_string();
    assert!(unknown.contains("first_letters names nothing"), "{unknown}");
}

#[test]
fn a_send_with_an_empty_element_is_refused_at_the_door() {
    let renderer = renderer_of(brand()).expect("the samples are sound");
    let refused = |template: &str, change: &dyn Fn(&mut Json)| {
        let unfit = renderer.try_out(&spec(template), Some(&facts(change))).expect_err("something is empty");
        unfit.to_string()
    };
    assert_eq!(
        refused("notice", &|facts| facts["attributes"]["basis"] = json!("  ")),
        "vars.basis is empty: the letter must have what the debt is founded on (R124-4, 3° CPCE)"
    );
    let empty = refused("notice", &|facts| facts["attributes"]["creditor"]["address"] = json!(""));
    assert!(empty.starts_with("vars.creditor.address is empty"), "{empty}");
    let empty = refused("recall", &|facts| facts["first_letter"]["reference"] = json!(""));
    assert!(empty.starts_with("vars.first_letter.reference is empty"), "{empty}");
    let missing = refused("recall", &|facts| facts["first_letter"] = Json::Null);
    assert!(missing.starts_with("vars.first_letter"), "{missing}");
}

#[test]
fn a_condition_that_hides_an_element_is_found_in_the_letter() {
    let directory = tempfile::tempdir().expect("a directory");
    let profile = directory.path().join("own.toml");
    let elements =
        "[[elements]]\narticle = \"§ 1\"\nwhat = \"the city\"\nletters = \"every\"\nprints = [\"city\"]\n";
    fs::write(&profile, elements).expect("the directory is ours");
    let body = "{% if big %}{{ city }}{% endif %}";
    for (kind, source) in [("subject", "s"), ("txt", body), ("html", body)] {
        fs::write(directory.path().join(format!("note.fr.{kind}")), source).expect("the directory is ours");
    }
    let brand = Brand {
        templates: Some(directory.path().to_owned()),
        legal: profile.display().to_string(),
        first_letters: Vec::new(),
        ..brand()
    };
    let renderer = renderer_of(brand).expect("the trial shows it");
    let with = |big: bool| {
        let Json::Object(vars) = json!({"city": "Köln & Bonn", "big": big}) else {
            unreachable!("an object")
        };
        renderer.try_out(&SendSpec { vars, ..spec("note") }, None).map_err(|unfit| unfit.to_string())
    };
    assert_eq!(with(true), Ok(()));
    assert_eq!(with(false), Err("template does not show the city in its txt part (§ 1)".into()));
}

#[test]
fn a_nought_that_stands_elsewhere_is_not_the_one_that_is_wanted() {
    for part in ["txt", "html"] {
        let file = format!("notice.fr.{part}");
        let wanted = "{{ other | money }}";
        let hidden = "{% if (other | string) != '0' %}{{ other | money }}{% endif %}";
        let (_directory, brand) = changed(&file, wanted, hidden);
        let renderer = renderer_of(brand).expect("the trial shows it");
        let said = |interest: &str, other: &str| {
            let facts = facts(|facts| {
                facts["attributes"]["interest"] = json!(interest);
                facts["attributes"]["other"] = json!(other);
            });
            renderer.try_out(&spec("notice"), Some(&facts)).map_err(|unfit| unfit.to_string())
        };
        assert_eq!(said("10", "1"), Ok(()));
        // The letter is full of noughts: "130,50 €", "titre … L111-8", the address of the payment page; or, in the second,
        // of interest that is "0,00 €" as well.
        for interest in ["10", "0"] {
            let refused = said(interest, "0").expect_err("no reader sees it");
            assert!(refused.contains("does not show the amount, divided"), "{refused}");
        }
    }
    let renderer = renderer_of(brand()).expect("the samples are sound");
    let noughts = facts(|facts| {
        facts["attributes"]["interest"] = json!("0");
        facts["attributes"]["principal"] = json!("130.50");
    });
    assert_eq!(renderer.try_out(&spec("notice"), Some(&noughts)), Ok(()), "who shows all of them shows each");
}

#[test]
fn a_trial_goes_through_whatever_templates_do_with_values() {
    for (text, other) in [
        ("{{ basis }}", "{{ basis | upper | trim }}{{ nothing | default('') }}"),
        ("{{ interest | money }}", "{% if interest > 0 %}{{ interest | money(currency) }}{% endif %}"),
        (
            "{{ basis }}",
            "{% for line in lines %}{{ line.label }} {{ line.sum | money }}{% endfor %}{{ basis }}",
        ),
        (
            "{{ basis }}",
            "{{ lines | length }} {{ due | date }} {{ names | join(', ') }} {{ basis | replace('a', 'a') }}",
        ),
        ("{{ basis }}", "{% if kind == 'bill' %}{{ kind }}{% else %}{{ basis }}{% endif %}"),
    ] {
        let (directory, brand) = changed("notice.fr.txt", text, other);
        renderer_of(brand).unwrap_or_else(|error| panic!("{other}: {error}"));
        drop(directory);
    }
}

#[test]
fn unusable_profiles_are_named() {
    let refused = |legal: &str| {
        renderer_of(Brand { legal: legal.into(), ..brand() }).expect_err("no such profile").to_string()
    };
    assert!(refused("fr-mandate").contains("choose \"fr-mandated\""));
    assert!(refused("/nowhere/x.toml").contains("cannot read /nowhere/x.toml"));
    for sound in ["fr-inhouse", "none"] {
        renderer_of(Brand { legal: sound.into(), ..brand() }).expect(sound);
    }
}
