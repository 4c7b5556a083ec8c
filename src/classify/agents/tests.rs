use super::*;

const RULE: &str = r#"
[[rule]]
reason = "agent:ours"
class = "scanner"
confidence = 0.9
source = "our own gateway"
date = "2026-11-23"
"#;

/// A rule with these lines, before the built-in ones.
fn with(lines: &str) -> Result<Agents, BadAgents> {
    let text = format!("{RULE}{lines}");
    Agents::from_files([AgentsFile { name: "ours.toml", text: &text }])
}

/// Whether a rule with these lines decides.
fn ours(lines: &str) -> impl Fn(&str) -> bool + use<> {
    let agents = with(lines).expect("a valid rule");
    move |agent| agents.name(agent.as_bytes()).reason == "agent:ours"
}

#[test]
fn a_part_stands_where_its_marks_say() {
    for (part, fits, fits_not) in [
        ("oxo", "a foxox", "ox"),
        ("^oxo", "oxonian", "an oxo"),
        ("oxo$", "an OXO", "oxo/1"),
        ("^oxo$", "Oxo", "oxo oxo"),
        ("|oxo", "x-oxonian", "xoxo"),
        ("oxo|", "xoxo_1", "oxo1"),
        ("|oxo|", "(oxo)", "oxos"),
        ("oxo/#.", "oxo/7.1", "oxo/70.1"),
        ("oxo/##.", "oxo/70.1", "oxo/7.1"),
        ("oxo###", "oxo000", "oxo00"),
    ] {
        let ours = ours(&format!("agents = [{part:?}]"));
        assert!(ours(fits), "{part} in {fits}");
        assert!(!ours(fits_not), "{part} in {fits_not}");
    }
}

#[test]
fn a_rule_needs_all_it_asks_for() {
    let is_ours = ours("agents = [\"one\", \"uno\"]\nwith = [\"two\"]\nunless = [\"three\", \"tres\"]");
    for (agent, expected) in [
        ("one two", true),
        ("two uno", true),
        ("one one", false),
        ("two", false),
        ("one two three", false),
        ("tres two one", false),
    ] {
        assert_eq!(is_ours(agent), expected, "{agent}");
    }
    assert!(ours(r#"agents = ["*"]"#)("Mozilla/5.0"), "every agent");
    assert!(!ours("agents = [\"*\"]\nunless = [\"moz\"]")("Mozilla/5.0"), "nearly every agent");
    assert!(!ours("agents = [\"*\"]\nwith = [\"curl\"]")("Mozilla/5.0"), "every agent with something");
}

#[test]
fn an_operators_rules_are_asked_first() {
    assert!(ours(r#"agents = ["curl/"]"#)("curl/8.5.0"));
    let none = Agents::from_files([AgentsFile { name: "empty.toml", text: "" }]).expect("no rule is fine");
    assert_eq!(none.name(b"curl/8.5.0").reason, "agent:library");
}

#[test]
fn a_bad_file_says_where_and_what_to_do() {
    let part = |part: &str| format!("agents = [\"fine\", \"{part}\"]");
    let long = "x".repeat(201);
    for (lines, sentence) in [
        (
            part("Curl"),
            "ours.toml: rule 1 (agent:ours): the part \"Curl\" has capitals; write it in lower case",
        ),
        (part("^$"), "ours.toml: rule 1 (agent:ours): the part \"^$\" is empty"),
        (part("*"), "the part \"*\" fits every agent, so it stands alone"),
        (part("a####"), "leaves more than 3 digits open"),
        (part(&long), "is longer than 200 bytes"),
        ("agents = []".into(), "ours.toml: rule 1 (agent:ours): `agents` is empty"),
        (String::new(), "ours.toml: line 2, rule[0]: missing field `agents`"),
        ("agents = 7".into(), "ours.toml: line 8, rule[0].agents: invalid type"),
        ("agents = [\"a\"]\nuntil = 1".into(), "line 9, rule[0].until: unknown field `until`"),
        ("agents = [".into(), "ours.toml: line 8, "),
    ] {
        let error = with(&lines).expect_err(&lines).to_string();
        assert!(error.contains(sentence) && error.lines().count() == 1, "{error}");
    }
    for (right, wrong, sentence) in [
        ("0.9", "1.1", "rule 1 (agent:ours): the confidence 1.1 is not between 0 and 1"),
        ("agent:ours", "Ours", "rule 1 (Ours): the reason is not `agent:`"),
        ("scanner", "robot", "line 4, rule[0].class: unknown variant `robot`"),
        ("2026-11-23", "yesterday", "line 7, rule[0].date: "),
    ] {
        let text = RULE.replace(right, wrong) + "agents = [\"a\"]";
        let error = Agents::from_files([AgentsFile { name: "ours.toml", text: &text }]).expect_err(wrong);
        assert!(error.to_string().contains(sentence), "{error}");
    }
}

#[test]
fn rules_are_bounded() {
    let many = format!("{RULE}agents = [\"a\"]").repeat(MOST_RULES);
    let error =
        Agents::from_files([AgentsFile { name: "many.toml", text: &many }]).expect_err("too many rules");
    assert!(error.to_string().contains("more than 255 rules"), "{error}");
    let much: Vec<_> = (0..400).map(|n| format!("{n:0200}")).collect();
    let error = with(&format!("agents = {much:?}")).expect_err("too much text");
    assert!(error.to_string().contains("more than 65536 bytes"), "{error}");
}

#[test]
fn only_the_first_bytes_of_an_agent_count() {
    let ours = ours(r#"agents = ["oxo"]"#);
    assert!(ours(&("x".repeat(LONGEST - 3) + "oxo")));
    assert!(!ours(&("x".repeat(LONGEST - 2) + "oxo")));
}

#[test]
fn rules_read_again_keep_no_second_copy_of_a_reason() {
    let reason = || Agents::builtin().name(b"curl/8.5.0").reason.as_ptr();
    assert_eq!(reason(), reason());
}
