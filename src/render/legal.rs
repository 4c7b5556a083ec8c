//! What the law wants in a letter: looked for in templates when they are loaded, and in each letter before it goes.
//!
//! A profile is a list of elements (`config/legal/*.toml`: counsel can read it). A template is rendered for trial with a
//! mark for each variable: an element is there if a reader of the text part, and of the HTML part, would see its marks
//! and its words. The real letter is looked at again, since a condition in the template may hide what the trial showed,
//! and a variable may be empty: that costs a letter less than 0.1 ms.

mod marks;
mod visible;
mod whole;

use std::collections::BTreeSet;
use std::path::Path;

use minijinja::Value;
use serde::Deserialize;

pub(super) use self::marks::{Mark, Marks};
use self::visible::{in_html, in_text, normal};
use super::Unfit;
use super::formats::{self, Length};
use super::template::Content;
use crate::model::Name;

/// The profiles in the program.
const BUILT_IN: [(&str, &str); 2] = [
    ("fr-mandated", include_str!("../../config/legal/fr-mandated.toml")),
    ("fr-inhouse", include_str!("../../config/legal/fr-inhouse.toml")),
];

/// A brand's duties.
#[derive(Debug)]
pub(super) struct Profile {
    elements: Vec<Element>,
    /// Templates that open a collection.
    first: BTreeSet<Name>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    elements: Vec<Element>,
}

/// One thing that a letter must say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Element {
    article: String,
    what: String,
    letters: Letters,
    /// Paths of variables, or alternatives of paths.
    #[serde(default)]
    prints: Vec<String>,
    /// One of these is enough.
    #[serde(default)]
    says: Vec<String>,
    /// The same, as they are searched for.
    #[serde(skip)]
    words: Vec<String>,
}

/// In which letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Letters {
    Every,
    First,
    Later,
}

/// What a part of a letter lacks.
#[derive(Debug)]
pub(super) struct Lack<'a> {
    element: &'a Element,
    /// `txt` or `html`.
    pub(super) part: &'static str,
    /// Which of its values is missing; none where it is the words.
    value: Option<&'a str>,
}

impl Profile {
    /// The profile of this name, or in this file; none for "none".
    pub(super) fn load(legal: &str, first: &[Name]) -> Result<Option<Self>, String> {
        let built_in = BUILT_IN.iter().find(|(name, _)| *name == legal).map(|(_, text)| (*text).to_owned());
        let text = match built_in {
            Some(text) => text,
            None if matches!(legal, "" | "none") => return Ok(None),
            None if Path::new(legal).extension().is_some_and(|extension| extension == "toml") => {
                std::fs::read_to_string(legal)
                    .map_err(|cause| format!("legal: cannot read {legal} ({cause}): mend the path"))?
            }
            None => {
                return Err(format!(
                    "legal: there is no profile {legal:?}: choose \"fr-mandated\", \"fr-inhouse\", \"none\" or a .toml file"
                ));
            }
        };
        let mut file: ProfileFile =
            toml::from_str(&text).map_err(|cause| format!("legal: {legal}: {}: mend it", cause.message()))?;
        for element in &mut file.elements {
            element.words = element.says.iter().map(|text| normal(text)).collect();
            if element.words.is_empty() && element.prints.is_empty() {
                return Err(format!("legal: {legal}: {} has neither prints nor says: add one", element.what));
            }
        }
        Ok(Some(Self { elements: file.elements, first: first.iter().cloned().collect() }))
    }

    /// Names that are said to open a collection.
    pub(super) const fn first(&self) -> &BTreeSet<Name> {
        &self.first
    }

    /// What a trial with [`Marks`] does not show.
    pub(super) fn lacks_of_template(
        &self,
        template: &Name,
        content: &Content,
        marks: &Marks,
    ) -> Vec<Lack<'_>> {
        self.lacks(template, content, |path| vec![marks.shown(path)])
    }

    /// Refuses a letter that lacks an element.
    pub(super) fn check(
        &self,
        template: &Name,
        content: &Content,
        root: &Value,
        language: &str,
    ) -> Result<(), Unfit> {
        let lacks = self.lacks(template, content, |path| shapes(root, path, language));
        let Some(lack) = lacks.into_iter().next() else { return Ok(()) };
        let Element { article, what, .. } = lack.element;
        let empty = lack.value.filter(|paths| alternatives(paths).all(|path| text_at(root, path).is_none()));
        Err(match empty {
            Some(paths) => {
                let path = alternatives(paths).next().unwrap_or(paths);
                Unfit::new(
                    format!("vars.{path}"),
                    format!("is empty: the letter must have {what} ({article})"),
                )
            }
            None => {
                Unfit::new("template", format!("does not show {what} in its {} part ({article})", lack.part))
            }
        })
    }

    fn lacks(
        &self,
        template: &Name,
        content: &Content,
        shapes: impl Fn(&str) -> Vec<String>,
    ) -> Vec<Lack<'_>> {
        let opening = if self.first.contains(template) { Letters::First } else { Letters::Later };
        let parts = [("txt", in_text(&content.text)), ("html", in_html(&content.html))];
        let wanted = self.elements.iter().filter(|e| e.letters == Letters::Every || e.letters == opening);
        let mut lacks = Vec::new();
        for element in wanted {
            for (part, seen) in &parts {
                lacks.extend(element.lack(part, seen, &shapes));
            }
        }
        lacks
    }
}

impl Element {
    fn lack(&self, part: &'static str, seen: &str, shapes: impl Fn(&str) -> Vec<String>) -> Option<Lack<'_>> {
        let shapes =
            |paths: &String| alternatives(paths).flat_map(&shapes).map(|shape| normal(&shape)).collect();
        let values: Vec<BTreeSet<String>> = self.prints.iter().map(shapes).collect();
        let hidden = self.prints.iter().zip(&values).find(|(_, value)| !is_shown(seen, value, &values));
        if let Some((paths, _)) = hidden {
            return Some(Lack { element: self, part, value: Some(paths) });
        }
        let silent = !self.words.is_empty() && !self.words.iter().any(|text| seen.contains(text));
        silent.then_some(Lack { element: self, part, value: None })
    }
}

impl Lack<'_> {
    /// To be read after a file's name.
    pub(super) fn sentence(&self) -> String {
        let Element { article, what, says, .. } = self.element;
        let how = match self.value {
            Some(paths) => {
                alternatives(paths).map(|path| format!("{{{{ {path} }}}}")).collect::<Vec<_>>().join(" or ")
            }
            None => format!("\"{}\"", says.first().map(|text| text.trim()).unwrap_or_default()),
        };
        format!("lacks {what} ({article}): add {how}")
    }
}

/// Whether a reader sees this value, by the shapes it may have; of several that look the same, as many as there are.
fn is_shown(seen: &str, value: &BTreeSet<String>, values: &[BTreeSet<String>]) -> bool {
    let alike: Vec<_> = values.iter().filter(|other| !other.is_disjoint(value)).collect();
    let shapes: BTreeSet<&str> = alike.iter().flat_map(|other| other.iter().map(String::as_str)).collect();
    !alike.is_empty() && whole::places(seen, shapes.into_iter()) >= alike.len()
}

fn alternatives(paths: &str) -> impl Iterator<Item = &str> {
    paths.split('|').map(str::trim)
}

/// A value's text, unless there is nothing to see of it.
fn text_at(root: &Value, path: &str) -> Option<String> {
    let value = path.split('.').try_fold(root.clone(), |value, name| value.get_attr(name).ok())?;
    let nothing = value.is_undefined() || value.is_none();
    Some(value.to_string()).filter(|text| !nothing && !text.trim().is_empty())
}

/// How a value may look in a letter: as it is, or written by `money` or `date`.
fn shapes(root: &Value, path: &str, language: &str) -> Vec<String> {
    let Some(text) = text_at(root, path) else { return Vec::new() };
    let mut shapes = Vec::new();
    let currency = text_at(root, "currency").and_then(|code| code.parse().ok());
    if let (Ok(amount), Some(currency)) = (text.parse(), currency) {
        shapes.extend(formats::money(&amount, currency, language));
    }
    if let Ok(day) = text.parse() {
        let lengths = [Length::Long, Length::Medium, Length::Short];
        shapes.extend(lengths.into_iter().filter_map(|length| formats::date(day, length, language).ok()));
    }
    shapes.push(text);
    shapes
}

#[cfg(test)]
mod tests;
