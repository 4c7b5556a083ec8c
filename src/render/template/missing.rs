//! From a template engine's error to the fields of the request that would mend it.

use std::error::Error as _;

use minijinja::{Error, ErrorKind, Value};

use super::filters::Unwritten;
use super::{Edition, Library, located, reason};
use crate::render::Unfit;
use crate::render::variables::{RESERVED, Variables};

/// Most missing variables that are searched for: each costs one more rendering.
const MOST: usize = 32;

impl Library {
    /// What to tell the producer: the missing variables, or the place where the template stopped.
    pub(super) fn explain(&self, edition: Edition<'_>, variables: &Variables, cause: &Error) -> Unfit {
        let place = located(&edition.files.subject, cause);
        if let Some(unfit) = unwritten(cause, variables, &place) {
            return unfit;
        }
        let Some(expression) = undefined(cause) else {
            return Unfit::new("template", format!("{place} {}", reason(cause)));
        };
        if let Some(unfit) = ours(&expression, &place) {
            return unfit;
        }
        if !edition.files.variables.contains(root(&expression)) {
            // A loop's variable: some element lacks a part.
            return Unfit::new("vars", format!("lack a value for {expression}: {place} uses it"));
        }
        let mut missing = vec![expression];
        while let Some(next) = self.next(edition, variables, &missing) {
            missing.push(next);
        }
        let others: Vec<_> = missing[1..].iter().map(|name| format!("vars.{name}")).collect();
        let others = match others.as_slice() {
            [] => String::new(),
            [other] => format!("; {other} is missing too"),
            others => format!("; {} are missing too", others.join(", ")),
        };
        Unfit::new(format!("vars.{}", missing[0]), format!("is missing: {place} uses it{others}"))
    }

    /// The variable that is missing when those in `known` are there.
    fn next(&self, edition: Edition<'_>, variables: &Variables, known: &[String]) -> Option<String> {
        if known.len() == MOST {
            return None;
        }
        let assuming = Value::from_object(variables.assuming(known));
        let cause = self.render_files(edition.files, assuming).err()?;
        let given = &edition.files.variables;
        undefined(&cause).filter(|name| given.contains(root(name)) && !known.contains(name))
    }
}

/// A value that `money` or `date` cannot write: whose it is, and what is wrong with it.
fn unwritten(cause: &Error, variables: &Variables, place: &str) -> Option<Unfit> {
    let Unwritten { value, problem } = cause.source()?.downcast_ref()?;
    Some(match variables.origin_of(value) {
        Some(field) => Unfit::new(field, format!("{problem} ({place} uses it)")),
        None => Unfit::new("template", format!("{place} writes a value that {problem}")),
    })
}

/// The expression that had no value: `amount`, `customer.city`. The engine quotes it from the template's source.
fn undefined(cause: &Error) -> Option<String> {
    let detail = cause.detail().filter(|_| cause.kind() == ErrorKind::UndefinedError)?;
    detail.split('`').nth(1).filter(|expression| !root(expression).is_empty()).map(str::to_owned)
}

/// `customer` of `customer.city`.
fn root(expression: &str) -> &str {
    expression.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// What is missing of the names that vigie gives, and who can mend it; none for a producer's variable.
fn ours(expression: &str, place: &str) -> Option<Unfit> {
    let of_brand =
        |lack| Some(Unfit::new("template", format!("{place} uses {expression}, but the brand has {lack}")));
    match expression {
        "payment_url" => of_brand("no payment_url or no payment key: add both"),
        "unsubscribe_url" => of_brand("no key that signs unsubscribe tokens: add one"),
        "case" => Some(Unfit::new("case", format!("is missing: {place} uses it"))),
        "recipient.name" => Some(Unfit::new("to.name", format!("is missing: {place} uses it"))),
        other if RESERVED.contains(&root(other)) => {
            Some(Unfit::new("template", format!("{place} uses {expression}, which does not exist: mend it")))
        }
        _ => None,
    }
}
