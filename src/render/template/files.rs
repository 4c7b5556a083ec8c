//! Where templates come from: a brand's directory, or the samples in the program.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::{RenderError, template_error};
use crate::model::Name;
use crate::render::sender::Sender;

/// The three files of a template in one language.
pub(super) const KINDS: [&str; 3] = ["subject", "txt", "html"];

/// Largest template file, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// One template file: `TEMPLATE.LANGUAGE.KIND`.
pub(super) struct File {
    pub(super) name: String,
    pub(super) template: Name,
    pub(super) language: String,
    pub(super) kind: &'static str,
    pub(super) source: String,
}

macro_rules! samples {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../config/brands/demo/templates/", $name)))),*]
    };
}

/// The sample letters, for brands without a directory.
const SAMPLES: [(&str, &str); 6] = samples![
    "reminder.en.subject",
    "reminder.en.txt",
    "reminder.en.html",
    "reminder.fr.subject",
    "reminder.fr.txt",
    "reminder.fr.html",
];

/// All template files of a brand, sorted by name.
pub(super) fn read(sender: &Sender) -> Result<Vec<File>, RenderError> {
    let Some(directory) = &sender.templates else {
        return SAMPLES.into_iter().map(|(name, source)| file(sender, name, source.to_owned())).collect();
    };
    let unreadable = |cause| {
        let problem = format!("templates: cannot read {} ({cause}): mend the path", directory.display());
        RenderError::Brand { brand: sender.name.clone(), problem }
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name());
    }
    names.sort();
    let files = names.iter().filter(|name| is_template(name)).map(|name| {
        let name = name.to_string_lossy();
        let source = read_file(&directory.join(&*name))
            .map_err(|problem| template_error(sender, name.clone().into_owned(), problem))?;
        file(sender, &name, source)
    });
    let files = files.collect::<Result<Vec<_>, RenderError>>()?;
    if files.is_empty() {
        let problem = format!(
            "templates: {} holds none: add NAME.LANGUAGE.subject, .txt and .html",
            directory.display()
        );
        return Err(RenderError::Brand { brand: sender.name.clone(), problem });
    }
    Ok(files)
}

/// Whether a file is meant as one: editors' and people's other files may lie beside them.
fn is_template(name: &OsStr) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default();
    KINDS.contains(&extension) && !name.as_encoded_bytes().starts_with(b".")
}

fn read_file(path: &Path) -> Result<String, String> {
    let unreadable = |cause| format!("cannot be read ({cause}): mend it");
    if fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err("is larger than 1 MB: shorten it".into());
    }
    fs::read_to_string(path).map_err(unreadable)
}

fn file(sender: &Sender, name: &str, source: String) -> Result<File, RenderError> {
    let parts = || {
        let (rest, kind) = name.rsplit_once('.')?;
        let (template, language) = rest.rsplit_once('.')?;
        let fits = matches!(language.len(), 2..=35)
            && language.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let kind = KINDS.into_iter().find(|known| *known == kind)?;
        Some((template.parse().ok().filter(|_| fits)?, language.to_owned(), kind))
    };
    let (template, language, kind) = parts().ok_or_else(|| {
        let problem = "is not named NAME.LANGUAGE.subject, .txt or .html: rename it".into();
        template_error(sender, name.to_owned(), problem)
    })?;
    Ok(File { name: name.to_owned(), template, language, kind, source })
}
