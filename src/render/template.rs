//! A brand's templates: compiled once, chosen by name and language, rendered within limits.

mod files;
mod filters;
mod lawful;
mod missing;
mod output;
mod subject;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use serde_json::Value as Json;

use self::output::Output;
use super::sender::Sender;
use super::variables::{RESERVED, Variables};
use super::{RenderError, TemplateInfo, Unfit};
use crate::model::{CaseFacts, Name, SendSpec};

/// Instructions (and 64-byte pieces of text) one rendering of one file may cost: the samples take under 200.
const FUEL: u64 = 50_000;

/// Calls, includes and blocks within one another.
const DEEPEST: usize = 32;

/// All templates of one brand.
#[derive(Debug)]
pub(super) struct Library {
    environment: Environment<'static>,
    letters: BTreeMap<Name, BTreeMap<String, Files>>,
}

/// The three files of one template in one language, by their names in the environment.
#[derive(Debug)]
struct Files {
    subject: String,
    text: String,
    html: String,
    variables: BTreeSet<String>,
}

/// A template in the language chosen for one letter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edition<'a> {
    pub(super) language: &'a str,
    files: &'a Files,
}

/// What a letter says, before it becomes a message.
pub(super) struct Content {
    /// One line.
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

impl Library {
    /// Reads and compiles the brand's templates, and checks that each is complete.
    pub(super) fn load(sender: &Sender) -> Result<Self, RenderError> {
        let mut environment = environment();
        let mut found: BTreeMap<Name, BTreeMap<String, BTreeSet<&str>>> = BTreeMap::new();
        for file in files::read(sender)? {
            environment.add_template_owned(file.name.clone(), file.source).map_err(|cause| {
                let problem = format!("{}: mend it", cause.detail().unwrap_or("does not compile"));
                template_error(sender, located(&file.name, &cause), problem)
            })?;
            found.entry(file.template).or_default().entry(file.language).or_default().insert(file.kind);
        }
        let mut letters = BTreeMap::new();
        for (template, languages) in found {
            check_complete(sender, &template, &languages)?;
            let editions =
                languages.into_keys().map(|language| edition(&environment, &template, language)).collect();
            letters.insert(template, editions);
        }
        let library = Self { environment, letters };
        library.check_legal(sender)?;
        Ok(library)
    }

    /// The template in the language that the variables or the case ask for (`fr-CA`, then `fr`), else in the brand's.
    pub(super) fn choose(
        &self,
        spec: &SendSpec,
        facts: Option<&CaseFacts>,
        default: &str,
    ) -> Result<Edition<'_>, Unfit> {
        let template = &spec.template;
        let editions = self.letters.get(template).ok_or_else(|| {
            let known: Vec<_> = self.letters.keys().map(Name::as_str).collect();
            Unfit::new("template", format!("{template} does not exist: this brand has {}", known.join(", ")))
        })?;
        let wanted = match spec.vars.get("language") {
            None | Some(Json::Null) => facts.and_then(|facts| facts.language.as_deref()).unwrap_or(default),
            Some(Json::String(wanted)) => wanted,
            Some(_) => return Err(Unfit::new("vars.language", "is not text: write a language like \"en\"")),
        };
        let primary = wanted.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        [wanted, &primary, default]
            .into_iter()
            .find_map(|language| editions.get_key_value(language))
            .map(|(language, files)| Edition { language, files })
            .ok_or_else(|| Unfit::new("template", format!("{template} has no language {default}: add it")))
    }

    /// Subject, text and HTML.
    pub(super) fn render(&self, edition: Edition<'_>, variables: &Arc<Variables>) -> Result<Content, Unfit> {
        let mut content = self
            .render_files(edition.files, Value::from_dyn_object(variables.clone()))
            .map_err(|cause| self.explain(edition, variables, &cause))?;
        content.subject = subject::line(&content.subject, &edition.files.subject, variables)?;
        if content.text.contains('\0') || content.html.contains('\0') {
            return Err(Unfit::new("template", "holds a NUL character: remove it from its files"));
        }
        Ok(content)
    }

    /// Name, languages and variables of each template.
    pub(super) fn infos(&self, brand: &Name) -> impl Iterator<Item = TemplateInfo> {
        self.letters.iter().map(|(template, editions)| TemplateInfo {
            brand: brand.clone(),
            template: template.clone(),
            languages: editions.keys().cloned().collect(),
            variables: editions.values().flat_map(|files| files.variables.iter().cloned()).collect(),
        })
    }

    fn render_files(&self, files: &Files, root: Value) -> Result<Content, minijinja::Error> {
        Ok(Content {
            subject: self.render_file(&files.subject, root.clone())?,
            text: self.render_file(&files.text, root.clone())?,
            html: self.render_file(&files.html, root)?,
        })
    }

    fn render_file(&self, name: &str, root: Value) -> Result<String, minijinja::Error> {
        let mut output = Output::default();
        self.environment.get_template(name)?.render_captured_to(root, &mut output)?;
        Ok(output.into_text())
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEEPEST);
    environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    // Errors name the variable that is missing; without it only builds with debug assertions do. Costs nothing until one
    // occurs, and what it keeps of the variables is never printed.
    environment.set_debug(true);
    filters::add(&mut environment);
    // It would print every variable into the letter.
    environment.remove_global("debug");
    environment
}

fn edition(environment: &Environment<'_>, template: &Name, language: String) -> (String, Files) {
    let file = |kind: &str| format!("{template}.{language}.{kind}");
    let [subject, text, html] = files::KINDS.map(file);
    let ours = |name: &String| RESERVED.contains(&name.as_str()) || name == "language";
    let global = |name: &String| environment.globals().any(|(global, _)| global == name);
    let variables = [&subject, &text, &html]
        .into_iter()
        .filter_map(|name| environment.get_template(name).ok())
        .flat_map(|file| file.undeclared_variables(false))
        .filter(|name| !ours(name) && !global(name))
        .collect();
    (language, Files { subject, text, html, variables })
}

/// Each language has its three files, and the brand's own language exists.
fn check_complete(
    sender: &Sender,
    template: &Name,
    languages: &BTreeMap<String, BTreeSet<&str>>,
) -> Result<(), RenderError> {
    for (language, kinds) in languages {
        if let Some(kind) = files::KINDS.into_iter().find(|kind| !kinds.contains(kind)) {
            let problem =
                "is missing: each language of a template needs subject, txt and html; add it".into();
            return Err(template_error(sender, format!("{template}.{language}.{kind}"), problem));
        }
    }
    if languages.contains_key(&sender.language) {
        return Ok(());
    }
    let problem = format!(
        "is missing: {} is the brand's language; add the template in it, or set another language",
        sender.language
    );
    Err(template_error(sender, format!("{template}.{}.subject", sender.language), problem))
}

fn template_error(sender: &Sender, file: String, problem: String) -> RenderError {
    RenderError::Template { brand: sender.name.clone(), file, problem }
}

/// `reminder.en.txt:3`, as far as known.
fn located(file: &str, cause: &minijinja::Error) -> String {
    match cause.line() {
        Some(line) => format!("{}:{line}", cause.name().unwrap_or(file)),
        None => file.to_owned(),
    }
}

/// Why a rendering stopped, in words that hold no variable's value.
fn reason(cause: &minijinja::Error) -> String {
    match cause.kind() {
        ErrorKind::OutOfFuel => "runs too long: it may take 50,000 steps; look for a loop".into(),
        ErrorKind::WriteFailure => "makes more than 1 MB of output: look for a loop".into(),
        kind => format!("{kind}: mend it, or the variables it uses"),
    }
}
