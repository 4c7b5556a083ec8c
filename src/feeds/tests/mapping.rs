//! From cells to entries, and mappings that cannot be.

use serde_json::json;

use super::*;
use crate::model::Amount;

fn one(mapping: &str, feed: &str) -> Entry {
    match entries(mapping, feed).remove(0) {
        Ok(entry) => entry,
        Err(fault) => panic!("{fault}"),
    }
}

fn fault(mapping: &str, feed: &str) -> String {
    match entries(mapping, feed).remove(0) {
        Ok(_) => panic!("it should be refused"),
        Err(fault) => fault.to_string(),
    }
}

const FRENCH: &str = r#"
delimiter = ";"
constants = { campaign = "step-1", "vars.language" = "fr" }
[columns]
Dossier = "case"
Courriel = { field = "to.email", format = "lower" }
Montant = { field = ["case.amount", "vars.amount"], format = "decimal", decimal = "," }
Echeance = { field = "case.due_date", format = "date", pattern = "DD/MM/YYYY" }
Limite = { field = "deadline", format = "moment", pattern = "DD/MM/YYYY HH:mm", zone = "Europe/Paris" }
Civilite = { field = "vars.title", default = "Madame, Monsieur" }
[templates]
id = "{Dossier}-{campaign}"
"to.name" = "{Prenom} {Nom}"
"#;

#[test]
fn a_mapping_makes_fields_of_columns() {
    let feed = "Dossier;Courriel;Montant;Echeance;Limite;Civilite;Prenom;Nom;Rien\n\
                K-7;Marie@Example.ORG;1 234,50 €;01/03/2026;29/03/2026 03:30;;Marie;Curie;x\n";
    let entry = one(FRENCH, feed);
    assert_eq!(entry.id.as_deref(), Some("K-7-step-1"));
    assert_eq!(entry.email.as_deref(), Some("marie@example.org"));
    assert_eq!(entry.name.as_deref(), Some("Marie Curie"));
    assert_eq!(entry.facts.amount.as_ref().map(Amount::as_str), Some("1234.50"));
    assert_eq!(
        entry.deadline.expect("there is one").to_string(),
        "2026-03-29T01:30:00Z",
        "summer time began at 2"
    );
    assert_eq!(
        entry.vars,
        *json!({"language": "fr", "amount": "1234.50", "title": "Madame, Monsieur"})
            .as_object()
            .expect("an object")
    );
    assert_eq!(entry.facts.due_date.map(|day| day.to_string()).as_deref(), Some("2026-03-01"));
}

#[test]
fn faults_name_the_field_and_never_the_value() {
    let line =
        |cells: &str| format!("Dossier;Courriel;Montant;Echeance;Limite;Civilite;Prenom;Nom\n{cells}\n");
    for (cells, said) in [
        ("K;a@b.fr;12.50;01/03/2026;;;;", "case.amount: is no number with \",\" before its fraction"),
        ("K;a@b.fr;1;31/02/2026;;;;", "case.due_date: is no day written as DD/MM/YYYY"),
        ("K;a@b.fr;1;01/03/2026;soon;;;", "deadline: is no moment written as DD/MM/YYYY HH:mm"),
        (";a@b.fr;1;01/03/2026;;;;", "id: cannot be made: `Dossier` is empty"),
        ("a@b.fr;a@b.fr;1;01/03/2026;;;;", "id: contains the address"),
        ("K;a@b.fr;1", ": has 3 columns where the header has 8"),
        ("K;a@b.fr;1;01/03/2026;;;;;;more", ": has 10 columns where the header has 8"),
    ] {
        let found = fault(FRENCH, &line(cells));
        assert!(found.starts_with(said), "{cells}: {found}");
    }
    assert_eq!(one(FRENCH, &line("K;a@b.fr;1;01/03/2026;;;;;;")).name, None, "empty cells too many are none");
}

#[test]
fn a_header_of_our_own_names_needs_no_mapping() {
    let feed = "to.email,id,case,vars.amount,priority,on_deadline,case.attributes.score,zone,vigie_problem\n\
                a@b.fr,s-1,K,1,5,handoff,77,Asia/Tokyo,line 9: to.email: is wrong\n";
    let entry = one("", feed);
    assert_eq!((entry.id.as_deref(), entry.priority), (Some("s-1"), Some(5)));
    assert_eq!(entry.on_deadline, Some(crate::model::OnDeadline::Handoff));
    assert_eq!(
        (entry.facts.attributes["score"].as_str(), entry.zone.as_deref()),
        (Some("77"), Some("Asia/Tokyo"))
    );
}

#[test]
fn without_a_header_columns_have_numbers() {
    let mapping = "header = false\nothers = \"vars\"\n[columns]\n2 = \"to.email\"\n";
    let read = entries(mapping, "K,a@b.fr\nL,c@d.fr\n");
    assert_eq!(read.len(), 2);
    let first = read.into_iter().next().and_then(Result::ok).expect("accepted");
    assert_eq!((first.email.as_deref(), &first.vars["1"]), (Some("a@b.fr"), &json!("K")));
}

#[test]
fn objects_speak_for_themselves_or_through_a_mapping() {
    let line = r#"{"to":{"email":"a@b.fr"},"vars":{"n":[1]},"case":{"name":"K","amount":12.5,"first_letter":{"date":"2026-01-02"}}}"#;
    let entry = one("", line);
    assert_eq!(
        (entry.case.as_deref(), entry.facts.amount.as_ref().map(Amount::as_str)),
        (Some("K"), Some("12.5"))
    );
    assert_eq!(entry.facts.letter_date.map(|day| day.to_string()).as_deref(), Some("2026-01-02"));
    assert!(entry.facts.letter_reference.is_none() && !entry.facts.is_empty());
    let entry = one(
        "[columns]\n\"who.mail\" = \"to.email\"\nsum = \"vars.amount\"",
        r#"{"who":{"mail":"a@b.fr"},"sum":3}"#,
    );
    assert_eq!((entry.email.as_deref(), &entry.vars["amount"]), (Some("a@b.fr"), &json!(3)));
    assert!(fault("", r#"{"to":{"email":"a@b.fr"},"vras":{}}"#).starts_with("vras"));
}

#[test]
fn mappings_that_cannot_be_are_refused() {
    for (mapping, said) in [
        ("[columns]\na = \"to.emial\"", "column \"a\": `to.emial` is no field: did you mean `to.email`?"),
        ("[columns]\na = \"case\"\nb = \"case\"", "the field case is given twice"),
        (
            "[columns]\na = { field = \"vars.x\", format = \"date\", pattern = \"soon\" }",
            "column \"a\": the pattern \"soon\"",
        ),
        (
            "[columns]\na = { field = \"vars.x\", format = \"moment\", pattern = \"DD/MM/YYYY\" }",
            "column \"a\": a moment needs its `zone`",
        ),
        ("constants = { priority = \"high\" }", "constants: priority: must be a whole number"),
        ("constants = { zone = \"Paris\" }", "constants: zone: must be an IANA time zone such as"),
        ("templates = { id = \"{case\" }", "the template \"{case\" has a brace"),
        ("[columns]\nMail = \"to.email\"\n[templates]\nid = \"{Mail}\"", "an id must not be made of"),
        ("templates = { id = \"{to.email}\" }", "an id must not be made of"),
        ("header = false", "without a header line"),
        ("encoding = \"klingon\"", "there is no encoding"),
        ("delimiter = \"--\"", "the delimiter is one character"),
    ] {
        let bad = Mapping::new(&toml::from_str(mapping).expect(mapping)).expect_err(mapping).to_string();
        assert!(bad.starts_with(said), "{mapping}: {bad}");
    }
}

#[test]
fn a_feed_that_its_mapping_does_not_fit_is_refused_with_all_that_is_wrong() {
    for (mapping, header, said) in [
        ("", "to.email,amount", "the column `amount` is no field"),
        ("", "id,case", "no column is `to.email`"),
        ("", "to.email,to.email", "two columns are `to.email`"),
        (
            "[columns]\nA = \"to.email\"\nB = \"case\"",
            "x,y",
            "the feed has no column `A`; the feed has no column `B`",
        ),
        ("others = \"refuse\"\n[columns]\nA = \"to.email\"", "A,z", "the column `z` is not in the mapping"),
    ] {
        let mapping = Arc::new(Mapping::new(&toml::from_str(mapping).expect(mapping)).expect("a mapping"));
        let header: Vec<_> = header.split(',').map(str::to_owned).collect();
        let bad = Layout::of_columns(mapping, &header).err().expect(said).to_string();
        assert!(bad.starts_with(said), "{bad}");
    }
}

#[test]
fn rejects_can_be_brought_again() {
    let (mut form, records) = read("to.email;vars.x\nbad;é\n".as_bytes(), 50, Wanted::default(), 1000);
    (form.columns, form.header) = (cells(&records[0]).to_vec(), true);
    let refusal = Refusal {
        line: 2,
        field: Some("to.email".into()),
        problem: "is none".into(),
        cells: None,
        text: None,
    };
    let mut file = Vec::new();
    let mut rejects = Rejects::new(&mut file, &form, false).expect("memory takes it");
    rejects
        .write(&form, &refusal.with(records[1].original.clone()))
        .and_then(|()| rejects.flush())
        .expect("memory takes it");
    drop(rejects);
    let text = String::from_utf8(file).expect("it is UTF-8");
    assert_eq!(text, "\u{feff}to.email;vars.x;vigie_problem\nbad;é;line 2: to.email: is none\n");
    let named = Wanted::default().overridden(Some("windows-1252"), None).expect("it exists");
    let (form, records) = read(text.as_bytes(), 4, named, 1000);
    assert_eq!((form.encoding.as_str(), cells(&records[1])[1].as_str()), ("UTF-8", "é"), "the mark wins");
}
