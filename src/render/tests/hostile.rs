//! Whatever a producer's variables hold, the bytes are one well-formed message.

use proptest::prelude::*;

use super::*;

/// Text that has broken mail software before.
fn hostile() -> impl Strategy<Value = String> {
    let boundary = format!("\r\n--=_vigie_{}--\r\n", SendId::derive(&name("demo"), "s-1"));
    let piece = prop_oneof![
        4 => any::<String>(),
        2 => "[a-zA-Z0-9 .,é€]{0,40}",
        1 => Just("\r\n.\r\n".to_owned()),
        1 => Just("\n.\nMAIL FROM:<a@b>\r".to_owned()),
        1 => Just("\r".to_owned()),
        1 => Just("\0".to_owned()),
        1 => Just("{{ payment_url }}{% raw %}".to_owned()),
        1 => Just("</body></html><a href=\"https://evil.example\">".to_owned()),
        1 => Just("=?utf-8?b?DQo=?= =_ =3D ".to_owned()),
        1 => Just("\u{202e}\u{feff}\u{2028}\u{1f4ec}".to_owned()),
        1 => (1_usize..100_000).prop_map(|length| "x".repeat(length)),
        1 => (1_usize..30_000).prop_map(|length| "é".repeat(length)),
        1 => Just(boundary),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// What may stand in a header as far as its length goes, mostly without control characters.
fn short() -> impl Strategy<Value = String> {
    (hostile(), 0..8).prop_map(|(text, dice)| {
        let text = if dice == 0 { text } else { text.replace(char::is_control, "") };
        text.chars().take(200).collect()
    })
}

fn assert_sound(letter: &Letter) {
    let bytes = &letter.bytes;
    assert!(bytes.is_ascii() && !bytes.contains(&0), "7-bit, no NUL");
    assert!(bytes.ends_with(b"\r\n"));
    for line in String::from_utf8_lossy(bytes).split("\r\n") {
        assert!(!line.contains(['\r', '\n']), "no CR or LF alone");
        assert!(line.len() <= 998, "{} bytes in a line", line.len());
    }
    let wire = String::from_utf8_lossy(bytes).replace("\r\n.", "\r\n..") + ".\r\n";
    assert_eq!(wire.matches("\r\n.\r\n").count(), 1, "one end of data");
    for once in [
        "From",
        "To",
        "Reply-To",
        "Subject",
        "Date",
        "Message-ID",
        "X-Vigie-Send",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ] {
        header(letter, once);
    }
    let message = parsed(letter);
    assert_eq!((message.parts.len(), message.text_body_count(), message.html_body_count()), (3, 1, 1));
}

/// As a reader sees a text: line ends and the space at the end aside.
fn read(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim_end_matches('\n').to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn variables_stay_in_the_bodies(a in hostile(), b in hostile(), tracked: bool) {
        let renderer = fixed();
        let spec = spec("note", json!({"a": a, "b": {"c": [b]}}));
        match renderer.render(&claim(spec.clone(), tracked)) {
            Ok(letter) => {
                prop_assert_eq!(renderer.try_out(&spec, None), Ok(()));
                assert_sound(&letter);
                prop_assert_eq!(&letter, &renderer.render(&claim(spec, tracked)).expect("the same"));
                prop_assert_eq!(read(&text_of(&letter)), read(&format!("{a}|{b}|")));
                let links = html_of(&letter).matches("<a href=").count();
                prop_assert_eq!(links, 1, "no variable makes a link");
            }
            Err(error) => prop_assert!(
                a.contains('\0') || b.contains('\0') || a.len() + b.len() > 100_000,
                "refused without reason: {}", error
            ),
        }
    }

    #[test]
    fn variables_stay_in_the_subject_and_the_name(subject in short(), who in short()) {
        let to = Mailbox::new("m@example.org".into(), Some(who.clone()));
        let spec = SendSpec { to, ..spec("title", json!({"subject": subject, "a": "", "b": {"c": [""]}})) };
        let expected = format!("Re: {subject}").replace('\t', " ");
        let fits = |text: &str| !text.trim().contains(char::is_control);
        let result = fixed().render(&claim(spec, true));
        prop_assert_eq!(result.is_ok(), fits(&expected) && fits(&who) && !subject.contains("=?"));
        if let Ok(letter) = result {
            assert_sound(&letter);
            let message = parsed(&letter);
            let words = |text: &str| text.split(' ').filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(words(message.subject().unwrap_or_default()), words(expected.trim()));
            let name = message.to().and_then(|to| to.first()).and_then(|to| to.name()).unwrap_or_default();
            prop_assert_eq!(words(name), words(who.trim()));
        }
    }
}

fn fixed() -> &'static Renderer {
    static RENDERER: std::sync::LazyLock<Renderer> = std::sync::LazyLock::new(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let text = "{{ a }}|{{ b.c[0] }}|";
        let html = "<body><a href=\"{{ payment_url }}\">{{ a }}</a><p title=\"{{ b.c[0] }}\">{{ b.c[0] }}</p></body>";
        write_note(directory.path(), "A note", text, html);
        for (kind, source) in [("subject", "Re: {{ subject }}"), ("txt", text), ("html", html)] {
            fs::write(directory.path().join(format!("title.en.{kind}")), source).expect("a file");
        }
        let templates = Some(directory.path().to_owned());
        renderer_of(Brand { templates, ..brand() }).expect("these templates compile")
    });
    &RENDERER
}
