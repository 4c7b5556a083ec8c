//! Fields put together from several: `"{case}-{campaign}"`.

use super::mapping::BadMapping;

/// A text with the values of columns and fields in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The name of a column, or else of a field.
    Name(String),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, BadMapping> {
        let wrong = || BadMapping::new(format!("the template \"{text}\" has a brace without its other half"));
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').ok_or_else(wrong)?;
            if before.contains('}') || name.contains('{') || name.trim().is_empty() {
                return Err(wrong());
            }
            parts.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
            parts.push(Part::Name(name.trim().to_owned()));
            rest = after;
        }
        if rest.contains('}') {
            return Err(wrong());
        }
        parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        Ok(Self(parts))
    }

    /// The names it asks for.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text, and the first name whose value is empty.
    pub(super) fn fill(&self, value: impl Fn(&str) -> String) -> (String, Option<&str>) {
        let (mut filled, mut empty) = (String::new(), None);
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => {
                    let value = value(name);
                    if value.is_empty() {
                        empty = empty.or(Some(name.as_str()));
                    }
                    filled.push_str(&value);
                }
            }
        }
        (filled.trim().to_owned(), empty)
    }
}
