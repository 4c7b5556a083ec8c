//! A mail as somebody else's parsers read it: Python's `email` package and the `mail-parser` crate.

use std::io::Write;
use std::process::{Command, Stdio};

use mail_parser::{MessageParser, MimeHeaders};
use serde::Deserialize;

/// Prints what Python makes of the mail on its standard input.
const PYTHON: &str = r#"
import email, email.policy, json, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
print(json.dumps({
    "headers": [[name.lower(), str(value)] for name, value in mail.items()],
    "content_type": mail.get_content_type(),
    "text": mail.get_body(("plain",)).get_content(),
    "html": mail.get_body(("html",)).get_content(),
    "defects": [str(defect) for part in mail.walk() for defect in part.defects],
}))
"#;

/// A mail, read.
#[derive(Debug, Deserialize)]
pub struct Letter {
    headers: Vec<(String, String)>,
    /// The top-level type, such as `multipart/alternative`.
    pub content_type: String,
    pub text: String,
    pub html: String,
    defects: Vec<String>,
}

impl Letter {
    /// Reads a mail with both parsers.
    ///
    /// # Panics
    ///
    /// If one of them finds a fault, or they do not agree on what it says.
    pub fn read(mail: &[u8]) -> Letter {
        let letter = python(mail);
        assert_eq!(letter.defects, [""; 0], "Python finds faults in\n{}", String::from_utf8_lossy(mail));
        let other = MessageParser::new().parse(mail).expect("mail-parser reads it");
        assert!(other.content_type().is_some_and(|kind| kind.ctype() == "multipart"), "{other:?}");
        assert_eq!(other.subject(), Some(letter.header("subject")));
        assert_eq!(
            other.message_id().map(|id| format!("<{id}>")).as_deref(),
            Some(letter.header("message-id"))
        );
        assert_eq!(lines(&other.body_text(0).expect("a text part")), lines(&letter.text));
        assert_eq!(lines(&other.body_html(0).expect("an HTML part")), lines(&letter.html));
        letter
    }

    /// The value of a header that stands there exactly once.
    pub fn header(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [value] => value,
            ref values => panic!("{name} should stand there once, but {values:?}"),
        }
    }

    /// Every value of a header, from the top.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The path of its pixel.
    pub fn pixel(&self) -> String {
        let paths = self.paths("src=\"", "/o/");
        assert_eq!(paths.len(), 1, "one pixel in {}", self.html);
        paths[0].clone()
    }

    /// The paths of its tracked links.
    pub fn links(&self) -> Vec<String> {
        self.paths("href=\"", "/c/")
    }

    /// The paths in attributes that lead to one of the edge's endpoints.
    fn paths(&self, attribute: &str, endpoint: &str) -> Vec<String> {
        let values = self.html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
        values.filter_map(|url| Some(url[url.find(endpoint)?..].to_owned())).collect()
    }
}

/// Lines without their ends, which parsers may keep as they are or not.
fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

fn python(mail: &[u8]) -> Letter {
    let mut child = Command::new("python3")
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/install installs python3");
    child.stdin.take().expect("it is piped").write_all(mail).expect("Python reads it all");
    let output = child.wait_with_output().expect("Python ends");
    assert!(output.status.success(), "Python cannot read\n{}", String::from_utf8_lossy(mail));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}
