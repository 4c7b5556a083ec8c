//! From what a subject template renders to the one line of a header.

use crate::render::Unfit;
use crate::render::variables::Variables;

/// Longest subject, in characters: more is shown nowhere, and folding needs words.
const LONGEST: usize = 250;

/// The rendered subject, fit for a header; else who spoils it, a variable or the template's file.
pub(super) fn line(rendered: &str, file: &str, variables: &Variables) -> Result<String, Unfit> {
    one_line(rendered).map_err(|problem| {
        let spoils = |text: &str| rendered.contains(text) && one_line(text) == Err(problem);
        match variables.text_that(spoils) {
            Some(name) => Unfit::new(format!("vars.{name}"), format!("makes a subject that {problem}")),
            None => Unfit::new("template", format!("{file} makes a subject that {problem}")),
        }
    })
}

/// Without the space around it and with single spaces inside. Control characters could end the header, and `=?` could
/// become anything once a mail program decodes it.
fn one_line(rendered: &str) -> Result<String, &'static str> {
    let words = rendered.trim().split([' ', '\t']).filter(|word| !word.is_empty());
    let subject = words.collect::<Vec<_>>().join(" ");
    if subject.contains(char::is_control) {
        return Err("has a line break or another control character: keep it to one line");
    }
    if subject.contains("=?") {
        return Err("holds \"=?\", which mail programs would decode: leave it out");
    }
    match subject.chars().count() {
        0 => Err("is empty: write one"),
        1..=LONGEST => Ok(subject),
        _ => Err("is longer than 250 characters: shorten it"),
    }
}
