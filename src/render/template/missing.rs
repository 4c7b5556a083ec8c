//! From a template engine's error to the fields of the request that would mend it.

use std::sync::Arc;

use minijinja::{Error, ErrorKind, Value};

use super::{Edition, Library, located, reason};
use crate::render::Unfit;
use crate::render::variables::Variables;

/// Most missing variables that are searched for: each costs one more rendering.
const MOST: usize = 32;

impl Library {
    /// What to tell the producer: the missing variables, or the place where the template stopped.
    pub(super) fn explain(&self, edition: Edition<'_>, variables: &Arc<Variables>, cause: &Error) -> Unfit {
        let file = &edition.files.subject;
        let place = located(file, cause);
        let Some(first) = undefined(cause) else {
            return Unfit::new("template", format!("{place} {}", reason(cause)));
        };
        match first.as_str() {
            "payment_url" => Unfit::new(
                "template",
                format!(
                    "{place} uses payment_url, but the brand has no payment_url or no payment key: add it"
                ),
            ),
            "unsubscribe_url" => Unfit::new(
                "template",
                format!("{place} uses unsubscribe_url, but the brand has no unsubscribe key: add it"),
            ),
            "case" => Unfit::new("case", format!("is missing: {place} uses it")),
            "recipient.name" => Unfit::new("to.name", format!("is missing: {place} uses it")),
            _ => self.missing(edition, variables, first, &place),
        }
    }

    fn missing(&self, edition: Edition<'_>, variables: &Arc<Variables>, first: String, place: &str) -> Unfit {
        let mut all = vec![first];
        while let Some(next) = self.next(edition, variables, &all) {
            all.push(next);
        }
        let field = format!("vars.{}", all[0]);
        let others: Vec<_> = all[1..].iter().map(|name| format!("vars.{name}")).collect();
        let problem = match others.as_slice() {
            [] => format!("is missing: {place} uses it"),
            others => format!("is missing: {place} uses it; {} missing too", enumerate(others)),
        };
        Unfit::new(field, problem)
    }

    /// The variable that is missing when those in `known` are there.
    fn next(&self, edition: Edition<'_>, variables: &Arc<Variables>, known: &[String]) -> Option<String> {
        let root = Value::from_dyn_object(Arc::new(variables.assuming(known)));
        let files = [&edition.files.subject, &edition.files.text, &edition.files.html];
        let cause = files.into_iter().find_map(|file| self.render_file(file, root.clone()).err())?;
        undefined(&cause).filter(|name| known.len() < MOST && is_variable(name) && !known.contains(name))
    }
}

/// The expression that had no value: `amount`, `customer.city`. The engine quotes it from the template's source.
fn undefined(cause: &Error) -> Option<String> {
    if cause.kind() != ErrorKind::UndefinedError {
        return None;
    }
    cause.detail()?.split('`').nth(1).map(str::to_owned)
}

fn is_variable(expression: &str) -> bool {
    !matches!(expression, "payment_url" | "unsubscribe_url" | "case" | "recipient.name")
}

fn enumerate(names: &[String]) -> String {
    match names {
        [one] => format!("{one} is"),
        many => format!("{} are", many.join(", ")),
    }
}
