//! Whether a brand's templates say what its legal profile wants.

use minijinja::Value;

use super::{Library, located, reason, template_error};
use crate::render::RenderError;
use crate::render::legal::{Marks, Profile};
use crate::render::sender::Sender;

impl Library {
    /// Renders every template for trial; refuses the brand with a sentence for everything that is missing.
    pub(super) fn check_legal(&self, sender: &Sender) -> Result<(), RenderError> {
        let Some(profile) = &sender.legal else { return Ok(()) };
        if let Some(unknown) = profile.first().iter().find(|name| !self.letters.contains_key(name)) {
            let problem = format!("first_letters names {unknown}, which is none of its templates");
            return Err(RenderError::Brand { brand: sender.name.clone(), problem });
        }
        let sentences = self.sentences(sender, profile)?;
        if sentences.is_empty() {
            return Ok(());
        }
        Err(RenderError::Brand { brand: sender.name.clone(), problem: sentences.join(". ") })
    }

    fn sentences(&self, sender: &Sender, profile: &Profile) -> Result<Vec<String>, RenderError> {
        let mut sentences = Vec::new();
        for (template, editions) in &self.letters {
            for (language, files) in editions {
                let marks = Marks::new(sender, language);
                let content =
                    self.render_files(files, Value::from_object(marks.clone())).map_err(|cause| {
                        let problem = format!("cannot be checked for {}: {}", sender.name, reason(&cause));
                        template_error(sender, located(&files.text, &cause), problem)
                    })?;
                let lacks = profile.lacks_of_template(template, &content, &marks);
                let named = |part: &str| format!("template {template}.{language}.{part}");
                sentences
                    .extend(lacks.iter().map(|lack| format!("{} {}", named(lack.part), lack.sentence())));
            }
        }
        Ok(sentences)
    }
}
