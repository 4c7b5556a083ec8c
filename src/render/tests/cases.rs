//! What a case says in its letters, and amounts and dates in the letter's language.

use super::*;
use crate::model::CaseFacts;

fn facts() -> CaseFacts {
    serde_json::from_value(json!({"amount": "1234.50", "currency": "EUR", "due_date": "2026-03-01",
        "first_letter": {"reference": "L-7", "date": "2026-02-01"}, "language": "fr",
        "attributes": {"principal": "1200", "payment_url": "https://evil.example", "creditor": {"name": "Acme"}}}))
    .expect("facts")
}

const ALL: &str = "{{ amount }}|{{ amount_value }}|{{ currency }}|{{ due_date }}|{{ due_date_value }}|\
    {{ first_letter.reference }}|{{ first_letter.date }}|{{ first_letter.date_value }}|{{ principal | money }}|{{ creditor.name }}";

fn text_with(renderer: &Renderer, spec: SendSpec, facts: CaseFacts) -> String {
    let claim = Claim { facts: Some(Arc::new(facts)), ..claim(spec, false) };
    text_of(&renderer.render(&claim).expect("a letter")).trim_end().to_owned()
}

#[test]
fn what_a_case_says_goes_before_the_sends_own_variables() {
    let renderer = renderer_with("s", ALL, "h");
    let from_case = text_with(&renderer, spec("note", json!({})), facts());
    assert_eq!(
        from_case,
        "€1,234.50|1234.50|EUR|March 1, 2026|2026-03-01|L-7|February 1, 2026|2026-02-01|€1,200.00|Acme"
    );
    let stale = json!({"amount": "€2,000.00", "amount_value": "2000", "currency": "CHF", "due_date": "never",
        "due_date_value": "2026-02-01", "first_letter": {"reference": "L-6"}, "principal": "2", "creditor": "Other"});
    assert_eq!(
        text_with(&renderer, spec("note", stale), facts()),
        from_case,
        "a part was paid since it was pushed"
    );
    let silent = CaseFacts { due_date: None, first_letter: None, ..facts() };
    let own = json!({"due_date": "soon", "due_date_value": "x",
        "first_letter": {"reference": "L-6", "date": "then", "date_value": "y"}});
    let own = text_with(&renderer, spec("note", own), silent);
    assert!(own.contains("|soon|x|L-6|then|y|"), "what the case does not say, the send does: {own}");
    assert_eq!(renderer.try_out(&spec("note", json!({})), Some(&facts())), Ok(()));
    assert!(renderer.try_out(&spec("note", json!({})), None).is_err(), "nobody gives the values");
}

#[test]
fn a_case_chooses_the_language_where_the_send_does_not() {
    let subject = |vars: Value| {
        let claim = Claim { facts: Some(Arc::new(facts())), ..claim(spec("reminder", vars), false) };
        let letter = renderer().render(&claim).expect("a letter");
        parsed(&letter).subject().expect("a subject").to_owned()
    };
    assert_eq!(
        subject(json!({})),
        "Rappel\u{a0}: 1\u{202f}234,50\u{a0}€ à régler depuis le 1 mars 2026 (réf. D 2026/17)"
    );
    assert_eq!(
        subject(json!({"language": "en"})),
        "Reminder: €1,234.50 due since March 1, 2026 (ref. D 2026/17)"
    );
}

#[test]
fn a_case_forges_nothing() {
    let renderer = renderer_with("s", "{{ payment_url }}", "h");
    assert!(text_with(&renderer, spec("note", json!({})), facts()).starts_with("https://pay.demo.example/"));
    let nul = CaseFacts { attributes: [("a".to_owned(), json!("\0"))].into_iter().collect(), ..facts() };
    let unfit = renderer.try_out(&spec("note", json!({})), Some(&nul)).expect_err("a NUL");
    assert_eq!(unfit.field, "case.attributes.a");
    let fine = CaseFacts { amount: "1.234".parse().expect("an amount"), ..facts() };
    let unfit = renderer.try_out(&spec("note", json!({})), Some(&fine)).expect_err("too fine");
    assert_eq!(unfit.to_string(), "case.amount has more decimals than EUR has: round it");
}

#[test]
fn money_and_dates_are_written_by_filters() {
    let renderer = renderer_with(
        "s",
        "{{ a | money(c) }}|{{ d | date }}|{{ d | date('short') }}|{{ 5 | money('JPY') }}",
        "h",
    );
    let written = |a: Value| {
        let vars = json!({"a": a, "c": "EUR", "d": "2026-03-01"});
        text_of(&letter(&renderer, spec("note", vars), false)).trim_end().to_owned()
    };
    let expected = "€1,234.50|March 1, 2026|3/1/26|¥5";
    for amount in [json!("1234.50"), json!(1234.5)] {
        assert_eq!(written(amount), expected);
    }
    assert!(written(json!(-7)).starts_with("-€7.00|"));
}

#[test]
fn what_cannot_be_written_is_named_at_the_door() {
    let renderer = renderer_with("s", "{{ a | money(c) }}{{ i[0].sum | money(c) }}{{ d | date }}", "h");
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut vars = json!({"a": "1", "c": "EUR", "d": "2026-03-01", "i": [{"sum": 2}]});
        change(&mut vars);
        let unfit = renderer.try_out(&spec("note", vars), None).expect_err("it does not fit");
        format!("{unfit}")
    };
    assert_eq!(
        refused(&|vars| vars["a"] = json!("1.234,50")),
        "vars.a is no amount: write digits, with a point before the cents, such as \"1234.50\" (note.en.txt:1 uses it)"
    );
    assert!(
        refused(&|vars| vars["a"] = json!(12_345_678_901_234.567)).starts_with("vars.a has more digits than")
    );
    assert!(refused(&|vars| vars["c"] = json!("euro")).starts_with("vars.c is no currency"));
    assert!(refused(&|vars| vars["d"] = json!("1/3/2026")).starts_with("vars.d is no date"));
    assert!(refused(&|vars| vars["d"] = json!("2026-02-30")).starts_with("vars.d is no date"));
    assert!(refused(&|vars| vars["i"][0]["sum"] = json!("a lot")).starts_with("vars.i.0.sum is no amount"));
    assert!(refused(&|vars| vars["a"] = json!(true)).contains("is no amount"));
    let all = renderer.try_out(&spec("note", json!({"i": [{"sum": 2}]})), None).expect_err("all is missing");
    assert_eq!(all.to_string(), "vars.a is missing: note.en.txt:1 uses it; vars.c, vars.d are missing too");
    let implied = renderer_with("s", "{{ 1 | money }}", "h").try_out(&spec("note", json!({})), None);
    assert_eq!(
        implied.expect_err("no currency").to_string(),
        "vars lack a value for currency: note.en.txt:1 uses it"
    );
    let fixed = renderer_with("s", "{{ 'x' | money('EUR') }}{{ '2026-01-01' | date('tiny') }}", "h");
    let unfit = fixed.try_out(&spec("note", json!({})), None).expect_err("the template is wrong");
    assert_eq!(unfit.field, "template");
}
