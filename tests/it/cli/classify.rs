//! `vigie classify`: answers line by line, and how often the rules are right.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use super::{alone, code, text, vigie};

/// Agents of every label that are in no list the rules were made from, or in all of them.
const SAMPLE: &str = include_str!("agents.tsv");

const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";

fn classify(arguments: &[&str], input: &str) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    vigie(dir.path(), &[&["classify"], arguments].concat(), input)
}

/// Runs `vigie classify --labelled` on these rows.
fn measure(rows: &str, arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("rows.tsv"), rows).expect("written");
    vigie(dir.path(), &[&["classify", "--labelled", "rows.tsv"], arguments].concat(), "")
}

#[test]
fn every_line_is_answered_in_order() {
    let input = format!(
        "{BROWSER}\n\ncurl/8.5.0\r\n\
         {{\"agent\":\"Mozilla/5.0\",\"kind\":\"click\",\"address\":\"2001:db8::1\",\"headers\":{{\"Accept\":\"*/*\"}},\"age_s\":0.5}}\n\
         {{\"headers\":{{\"user-agent\":\"{BROWSER}\"}},\"kind\":\"beacon\"}}\n  {{}}\nThunderbird/145.0"
    );
    let output = classify(&[], &input);
    assert_eq!((code(&output), text(&output.stderr).as_str()), (0, ""));
    assert_eq!(
        text(&output.stdout),
        "human\t0.85\tagent:browser\tyes\tyes\n\
         bot\t0.90\tagent:empty\tno\tno\n\
         bot\t0.98\tagent:library\tno\tno\n\
         prefetch\t0.90\tagent:apple-privacy\tno\tno\n\
         human\t0.85\tpage:visible\tyes\tyes\n\
         bot\t0.90\tagent:empty\tno\tno\n\
         human\t0.95\tagent:mailclient\tyes\tyes\n"
    );
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_the_others_are_answered() {
    let input = format!(
        "{{\"agent\":\"x\"\n{{\"kind\":\"glance\"}}\n{{\"agent\":\"x\",\"adress\":\"::1\"}}\n{{\"address\":\"nowhere\"}}\n{}\n{}\n",
        "x".repeat(65_537),
        "x".repeat(65_536)
    );
    let output = classify(&["-"], &input);
    let none = "-\t-\t-\t-\t-\n";
    assert_eq!(code(&output), 65);
    assert_eq!(text(&output.stdout), none.repeat(5) + "bot\t0.70\tagent:program\tno\tno\n");
    let errors = text(&output.stderr);
    let errors: Vec<&str> = errors.lines().collect();
    for (error, start) in errors.iter().zip([
        "vigie: line 1: it is not an observation: EOF",
        "vigie: line 2: it is not an observation: unknown variant `glance`, expected one of `open`, ",
        "vigie: line 3: it is not an observation: unknown field `adress`",
        "vigie: line 4: it is not an observation: invalid IP address",
        "vigie: line 5: it is longer than 65536 bytes",
        "vigie: 5 of 6 lines could not be read",
    ]) {
        assert!(error.starts_with(start), "{error}");
    }
    assert_eq!(errors.len(), 6);
}

#[test]
fn a_file_is_read_as_well_and_a_missing_one_exits_65() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("agents.txt"), BROWSER).expect("written");
    let output = vigie(dir.path(), &["classify", "agents.txt"], "");
    assert_eq!(text(&output.stdout), "human\t0.85\tagent:browser\tyes\tyes\n");
    for arguments in [&["none.txt"][..], &["--labelled", "none.txt"]] {
        let output = classify(arguments, "");
        assert_eq!(code(&output), 65);
        assert_eq!(
            text(&output.stderr),
            "vigie: cannot read none.txt: No such file or directory (os error 2)\n"
        );
    }
    for arguments in [&["classify", "--by-source"][..], &["classify", "x", "--labelled", "y"]] {
        assert_eq!(code(&alone(arguments)), 64, "{arguments:?}");
    }
}

#[test]
fn an_answer_does_not_wait_for_the_next_line() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .arg("classify")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut answers = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for agent in [BROWSER, "curl/8.5.0"] {
        writeln!(input, "{agent}").expect("it reads");
        assert!(answers.next().expect("an answer").expect("a line").contains("agent:"));
    }
    drop(input);
    assert!(answers.next().is_none());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn the_rules_keep_their_promise_on_the_sample() {
    let output = measure(SAMPLE, &["--wrong"]);
    let shown = text(&output.stdout);
    assert_eq!(code(&output), 0, "{output:?}");
    let figure = |name: &str| -> f64 {
        let (_, after) = shown.split_once(name).expect(name);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
        after[..end].parse().expect(name)
    };
    assert!(figure("precision ") >= 0.99, "{shown}");
    assert!(figure("recall ") >= 0.97, "{shown}");
    assert!(figure("humans flagged ") <= 1.0, "{shown}");
    assert!(shown.contains("\nmail clients flagged 0 of "), "{shown}");
    let proxies = shown.lines().find(|line| line.starts_with("image_proxy")).expect("a line");
    assert!(proxies.ends_with(" 1.0000"), "{shown}");
}

const ROWS: &str = "label\tsource\tagent\n\
    human_browser\ta\tMozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\n\
    human_browser\ta\tWebcrawler's Own Browser/1.0\n\
    crawler_bot\ta\tExamplebot/1.0\n\
    crawler_bot\tb\tMozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36\n";

#[test]
fn accuracy_is_counted_by_label_and_by_source() {
    let output = measure(ROWS, &["--by-source", "--wrong"]);
    let shown = text(&output.stdout);
    assert_eq!(code(&output), 0, "{output:?}");
    for line in [
        "human_browser\tbot\tagent:crawler\tWebcrawler's Own Browser/1.0",
        "crawler_bot\thuman\tagent:browser\tMozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
        "      1  1.0000       2       1  a",
        "      1  0.0000       0       0  b",
        "human_browser            2        1       0       1        0  0.5000",
        "crawler_bot              2        1       0       1        0  0.5000",
        "library                  0        0       0       0        0       -",
        "precision 0.5000, recall 0.5000",
        "humans flagged 1 of 2 (0.5000)",
        "mail clients flagged 0 of 0",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in\n{shown}");
    }
}

#[test]
fn sources_are_chosen_or_left_out() {
    for (arguments, figures) in [
        (["--only", "a"], "precision 0.5000, recall 1.0000"),
        (["--only", "b"], "precision -, recall 0.0000"),
        (["--leave-out", "b"], "precision 0.5000, recall 1.0000"),
    ] {
        let output = measure(ROWS, &arguments);
        assert!(text(&output.stdout).contains(figures), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_row_that_cannot_be_counted_exits_65() {
    for (rows, sentence) in [
        (
            "label\tsource\tagent\nrobot\ta\tx\n",
            "vigie: line 2: the label \"robot\" is none of human_mail_client, ",
        ),
        ("library\tcurl/8\n", "vigie: line 1: it has fewer than three columns (label, source, agent)\n"),
    ] {
        let output = measure(rows, &[]);
        assert_eq!(code(&output), 65);
        assert!(text(&output.stderr).starts_with(sentence), "{output:?}");
    }
}
