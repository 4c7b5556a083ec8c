//! What is refused, where, and in which words.

use super::*;

fn unfit(renderer: &Renderer, spec: &SendSpec) -> (String, String) {
    let Unfit { field, problem } = renderer.try_out(spec, None).expect_err("this send does not fit");
    (field, problem)
}

fn refused(renderer: &Renderer, vars: Value) -> (String, String) {
    unfit(renderer, &spec("note", vars))
}

#[test]
fn every_missing_variable_is_named() {
    let (field, problem) = unfit(&renderer(), &spec("reminder", json!({})));
    assert_eq!(field, "vars.amount");
    assert_eq!(problem, "is missing: reminder.en.subject:1 uses it; vars.due_date is missing too");

    let note = renderer_with(
        "s",
        "{{ a ~ b }}\n{% if extra is defined %}{{ extra }}{% endif %}{{ c }}",
        "{{ d.e }}",
    );
    let (field, problem) = refused(&note, json!({"d": {}, "c": null}));
    assert_eq!(field, "vars.a");
    assert_eq!(problem, "is missing: note.en.txt:1 uses it; vars.b, vars.c, vars.d.e are missing too");
    assert!(!problem.contains("extra"));
}

#[test]
fn what_vigie_gives_is_asked_of_whoever_can_mend_it() {
    let bare =
        || SendSpec { case: None, to: Mailbox::new("m@example.org".into(), None), ..spec("note", json!({})) };
    let using = |name: &str| unfit(&renderer_with("s", &format!("{{{{ {name} }}}}"), "h"), &bare());
    assert_eq!(using("case"), ("case".into(), "is missing: note.en.txt:1 uses it".into()));
    assert_eq!(using("recipient.name"), ("to.name".into(), "is missing: note.en.txt:1 uses it".into()));

    assert_eq!(using("sender.phone").0, "template");
    let items = renderer_with("s", "{% for item in items %}{{ item.label }}{% endfor %}", "h");
    let (field, problem) = refused(&items, json!({"items": [{"label": 1}, {}]}));
    assert_eq!(
        (field.as_str(), problem.as_str()),
        ("vars", "lack a value for item.label: note.en.txt:1 uses it")
    );

    let directory = tempfile::tempdir().expect("a directory");
    write_note(directory.path(), "s", "{{ payment_url }}{{ unsubscribe_url }}", "h");
    let templates = Some(directory.path().to_owned());
    let no_page = Brand { templates, payment_url: String::new(), ..brand() };
    let (field, problem) = unfit(&renderer_of(no_page).expect("a renderer"), &bare());
    assert_eq!((field.as_str(), problem.contains("payment_url")), ("template", true));
}

#[test]
fn our_names_cannot_be_shadowed() {
    for reserved in ["payment_url", "unsubscribe_url", "recipient", "sender", "brand", "case"] {
        let mut forged = reminder();
        forged.vars.insert(reserved.into(), json!("https://evil.example"));
        assert_eq!(unfit(&renderer(), &forged).0, format!("vars.{reserved}"));
        assert!(renderer().render(&claim(forged, false)).is_err(), "nor by a send that passed another door");
    }
}

#[test]
fn nothing_breaks_out_of_a_header() {
    let note = renderer_with("Hello {{ who }}", "t", "h");
    for breaking in ["a\r\nBcc: x@example.org", "a\nb", "a\rb", "a\u{b}b", "a\u{85}b"] {
        assert_eq!(
            refused(&note, json!({"who": breaking, "aside": "a\nb\nc"})).0,
            "vars.who",
            "{breaking:?}"
        );
        let to = Mailbox::new("m@example.org".into(), Some(breaking.into()));
        assert_eq!(unfit(&renderer(), &SendSpec { to, ..reminder() }).0, "to.name");
        let to = Mailbox::new(format!("{breaking}@example.org"), None);
        assert_eq!(unfit(&renderer(), &SendSpec { to, ..reminder() }).0, "to.email");
        assert_eq!(unfit(&renderer(), &SendSpec { reference: breaking.into(), ..reminder() }).0, "id");
    }
    for length in [0, 129] {
        assert_eq!(unfit(&renderer(), &SendSpec { reference: "x".repeat(length), ..reminder() }).0, "id");
    }
    assert_eq!(refused(&note, json!({"who": "x", "deep": [{"a": "\0"}]})).0, "vars.deep");
    assert_eq!(refused(&note, json!({"who": "=?utf-8?q?=0D=0A?="})).0, "vars.who");
    assert_eq!(refused(&note, json!({"who": "x".repeat(300)})).0, "vars.who");
    assert_eq!(refused(&renderer_with("{{ x }}", "t", "h"), json!({"x": "  "})).0, "vars.x");
    assert_eq!(refused(&renderer_with("a\nb", "t", "h"), json!({"x": ""})).0, "template");
}

#[test]
fn templates_cannot_run_or_write_for_ever() {
    let steps = "{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}";
    let (field, problem) = refused(&renderer_with("s", steps, "h"), json!({}));
    assert_eq!(field, "template");
    assert!(problem.starts_with("note.en.txt:1 runs too long"), "{problem}");

    let doubling = "{% for i in range(100) %}{{ long }}{% endfor %}";
    let (field, problem) = refused(&renderer_with("s", "t", doubling), json!({"long": "x".repeat(20_000)}));
    assert_eq!(field, "template");
    assert!(problem.contains("1 MB") || problem.contains("too long"), "{problem}");

    let calling_itself = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
    assert_eq!(refused(&renderer_with("s", calling_itself, "h"), json!({})).0, "template");
    assert_eq!(refused(&renderer_with("s", "{% include 'note.en.txt' %}", "h"), json!({})).0, "template");
    assert_eq!(refused(&renderer_with("s", "{% include '/etc/passwd' %}", "h"), json!({})).0, "template");
    assert_eq!(refused(&renderer_with("s", "{{ debug() }}", "h"), json!({})).0, "template");
}

#[test]
fn a_problem_shows_no_variable() {
    let note = renderer_with("s", "{{ who|nothing }}", "{{ who + 1 }}");
    let (_, problem) = refused(&note, json!({"who": "Marie Dupont"}));
    assert!(problem.starts_with("note.en.txt:1 unknown filter"), "{problem}");
    let (_, problem) = refused(&renderer_with("s", "t", "{{ who + 1 }}"), json!({"who": "Marie Dupont"}));
    assert!(!problem.contains("Marie"), "{problem}");
}

#[test]
fn an_unknown_brand_template_or_language_is_named() {
    let stray = SendSpec { brand: name("other"), ..reminder() };
    assert_eq!(unfit(&renderer(), &stray).0, "brand");
    let (field, problem) = unfit(&renderer(), &spec("remind", json!({})));
    assert_eq!(
        (field.as_str(), problem.as_str()),
        ("template", "remind does not exist: this brand has reminder")
    );
    let error = renderer().render(&claim(stray, true)).expect_err("an unknown brand");
    assert_eq!(error.to_string(), "brand other: brand other is none of this gateway's brands");
    let mut spec = reminder();
    spec.vars.insert("language".into(), json!(7));
    assert_eq!(unfit(&renderer(), &spec).0, "vars.language");
}

#[test]
fn unusable_settings_are_named_at_start() {
    let problem = |brand| renderer_of(brand).expect_err("an unusable brand").to_string();
    let bad = |from: &str| problem(Brand { from: from.into(), ..brand() });
    assert!(bad("nobody").starts_with("brand demo: from is no mailbox"));
    assert!(bad(&format!("{} <a@b.example>", "x".repeat(201))).contains("longer than 200"));
    assert!(bad("A\r\nBcc: b <a@b.example>").starts_with("brand demo: from is no mailbox"));
    let long = format!("https://a.example/{}", "x".repeat(64));
    for url in ["", "mail.example", "ftp://a.example", "https://a.example/?x", &long] {
        let text = problem(Brand { tracking_url: url.into(), ..brand() });
        assert!(text.starts_with("brand demo: tracking_url is no web address"), "{text}");
    }
    let text = problem(Brand { payment_url: "https://p.example/?case=1".into(), ..brand() });
    assert!(text.starts_with("brand demo: payment_url already has a field \"case\""), "{text}");
    let text = problem(Brand { domain: "a b".into(), ..brand() });
    assert!(text.starts_with("brand demo: domain has no valid domain"), "{text}");
    let text = problem(Brand { language: "de".into(), ..brand() });
    assert!(text.contains("reminder.de.subject: is missing"), "{text}");
}

#[test]
fn missing_keys_are_named_at_start() {
    let brands = |class| BTreeMap::from([(name("demo"), Brand { class, ..brand() })]);
    let both = ring_for(&[Kind::Open, Kind::Click]);
    assert!(Renderer::new(&brands(MailClass::Transactional), both.clone()).is_ok());
    let error = Renderer::new(&brands(MailClass::Promotional), both).expect_err("no unsubscribe key");
    assert!(error.to_string().contains("signs Unsubscribe tokens"), "{error}");
    let error = Renderer::new(&brands(MailClass::Transactional), ring_for(&[Kind::Open]));
    assert!(error.expect_err("no click key").to_string().contains("signs Click tokens"));
}

#[test]
fn unusable_templates_are_named_with_file_and_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let load = || {
        let templates = Some(directory.path().to_owned());
        renderer_of(Brand { templates, ..brand() }).expect_err("unusable templates").to_string()
    };
    assert!(load().contains("holds none"), "{}", load());
    write_note(directory.path(), "s", "one\n{% if %}", "h");
    assert!(load().starts_with("brand demo: template note.en.txt:2: "), "{}", load());
    write_note(directory.path(), "s", "t", "h");
    fs::remove_file(directory.path().join("note.en.html")).expect("it was there");
    assert!(load().starts_with("brand demo: template note.en.html: is missing"), "{}", load());
    fs::write(directory.path().join("note.html"), "h").expect("a file");
    assert!(load().starts_with("brand demo: template note.html: is not named"), "{}", load());
}

#[test]
fn a_brand_is_replaced_as_a_whole_or_not_at_all() {
    let directory = tempfile::tempdir().expect("a directory");
    write_note(directory.path(), "old", "t", "h");
    fs::write(directory.path().join("README.md"), "not a template").expect("a file");
    let templates = Some(directory.path().to_owned());
    let changed = Brand { templates, ..brand() };
    let renderer = renderer_of(changed.clone()).expect("a renderer");
    let fresh =
        || House::new(&name("demo"), &Brand { from: "new@demo.example".into(), ..changed.clone() }, &ring());
    let subject = || {
        let letter = letter(&renderer, spec("note", json!({})), false);
        parsed(&letter).subject().expect("a subject").to_owned()
    };
    write_note(directory.path(), "new", "{% if %}", "h");
    assert!(fresh().is_err());
    assert_eq!(subject(), "old");
    write_note(directory.path(), "new", "t", "h");
    renderer.replace([fresh().expect("sound now")], ring());
    assert_eq!(subject(), "new");
    let letter = letter(&renderer, spec("note", json!({})), false);
    assert!(header(&letter, "From").contains("new@demo.example"));
}
