//! The names of what a line can say.

use std::fmt;
use std::str::FromStr;

/// A field of an entry, by the names of `POST /v1/sends` and of cases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Id,
    Brand,
    Campaign,
    Template,
    Case,
    Email,
    Name,
    NotBefore,
    Deadline,
    OnDeadline,
    Zone,
    Priority,
    /// `vars.X`: a variable of the template.
    Var(String),
    /// `case.X`: what the line says of the case.
    Fact(Fact),
    /// Nothing: the problem of a line that comes again.
    Nothing,
}

/// What a line can say of its case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    Amount,
    Currency,
    DueDate,
    Zone,
    Language,
    Deadline,
    LetterReference,
    LetterDate,
    /// `case.attributes.X`.
    Attribute(String),
}

/// Every name but those that end in a name of the producer's own.
const NAMES: [(&str, Field); 21] = [
    ("id", Field::Id),
    ("brand", Field::Brand),
    ("campaign", Field::Campaign),
    ("template", Field::Template),
    ("case", Field::Case),
    ("to.email", Field::Email),
    ("to.name", Field::Name),
    ("not_before", Field::NotBefore),
    ("deadline", Field::Deadline),
    ("on_deadline", Field::OnDeadline),
    ("zone", Field::Zone),
    ("priority", Field::Priority),
    ("case.amount", Field::Fact(Fact::Amount)),
    ("case.currency", Field::Fact(Fact::Currency)),
    ("case.due_date", Field::Fact(Fact::DueDate)),
    ("case.zone", Field::Fact(Fact::Zone)),
    ("case.language", Field::Fact(Fact::Language)),
    ("case.deadline", Field::Fact(Fact::Deadline)),
    ("case.first_letter.reference", Field::Fact(Fact::LetterReference)),
    ("case.first_letter.date", Field::Fact(Fact::LetterDate)),
    (super::PROBLEM, Field::Nothing),
];

impl Field {
    /// Whether it says who somebody is.
    pub(super) fn is_personal(&self) -> bool {
        matches!(self, Self::Email | Self::Name)
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some((_, field)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(field.clone());
        }
        let own = |prefix| name.strip_prefix(prefix).filter(|own: &&str| !own.is_empty());
        if let Some(variable) = own("vars.") {
            return Ok(Self::Var(variable.to_owned()));
        }
        if let Some(attribute) = own("case.attributes.") {
            return Ok(Self::Fact(Fact::Attribute(attribute.to_owned())));
        }
        let near = NAMES.iter().map(|(known, _)| (strsim::jaro_winkler(known, name), known));
        match near.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
            Some((alike, known)) if alike > 0.8 => Err(format!("is no field: did you mean `{known}`?")),
            _ => Err("is no field: vars.NAME is a variable of the template".into()),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Var(name) => write!(f, "vars.{name}"),
            Self::Fact(Fact::Attribute(name)) => write!(f, "case.attributes.{name}"),
            named => {
                let name = NAMES.iter().find(|(_, field)| field == named).map_or("", |(name, _)| name);
                f.write_str(name)
            }
        }
    }
}
