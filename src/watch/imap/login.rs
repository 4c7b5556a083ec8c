//! `AUTHENTICATE PLAIN`, `LOGIN`, `AUTHENTICATE XOAUTH2`: whichever the server offers and the credentials are for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::dialogue::Dialogue;
use super::response::{No, Offers, Response};
use super::trouble::Trouble;
use super::{Credentials, Mailbox, Tokens};
use crate::dial::Io;

/// No mechanism here is asked more than this: for its words, and to hear why they are refused.
const MOST_CHALLENGES: usize = 2;

/// Logs in.
pub(super) async fn login<S: Io>(
    server: &mut Dialogue<S>,
    offers: Offers,
    mailbox: &Mailbox,
) -> Result<(), Trouble> {
    match &mailbox.credentials {
        Credentials::Password(password) => {
            by_password(server, offers, &mailbox.user, password.expose()).await
        }
        Credentials::Token(tokens) => by_token(server, offers, &mailbox.user, tokens.as_ref()).await,
    }
}

async fn by_password<S: Io>(
    server: &mut Dialogue<S>,
    offers: Offers,
    user: &str,
    password: &str,
) -> Result<(), Trouble> {
    must_be_plain(&[user, password])?;
    let result = if offers.plain {
        authenticate(server, offers, "PLAIN", &format!("\0{user}\0{password}")).await?
    } else {
        server.ask(&login_command(offers, user, password)?, |_| ()).await?
    };
    result.map_err(|no| if no.not_now { Trouble::Busy(no.words) } else { Trouble::Refused(no.words) })
}

async fn by_token<S: Io>(
    server: &mut Dialogue<S>,
    offers: Offers,
    user: &str,
    tokens: &dyn Tokens,
) -> Result<(), Trouble> {
    if !offers.xoauth2 {
        return Err(Trouble::Unsupported("it does not offer AUTH=XOAUTH2"));
    }
    let token = tokens.token().await?;
    must_be_plain(&[user, token.expose()])?;
    let words = format!("user={user}\x01auth=Bearer {}\x01\x01", token.expose());
    match authenticate(server, offers, "XOAUTH2", &words).await? {
        Ok(()) => Ok(()),
        Err(no) if no.not_now => Err(Trouble::Busy(no.words)),
        Err(_) => {
            tokens.forget(&token).await;
            Err(Trouble::Stale)
        }
    }
}

/// Says `words` by this mechanism, with the command if the server allows that, or when it asks for them.
async fn authenticate<S: Io>(
    server: &mut Dialogue<S>,
    offers: Offers,
    mechanism: &str,
    words: &str,
) -> Result<Result<(), No>, Trouble> {
    let mut words = Some(STANDARD.encode(words));
    let first = if offers.initial_response { words.take() } else { None };
    let command = ["AUTHENTICATE", mechanism].into_iter().chain(first.as_deref());
    server.begin(&command.collect::<Vec<_>>().join(" ")).await?;
    let mut challenges = 0;
    loop {
        match server.next().await? {
            Response::Done(done) => return Ok(done.result),
            Response::Continue if challenges < MOST_CHALLENGES => {
                challenges += 1;
                // After our words it only wants to say why it refuses them (as JSON), and waits for an empty line.
                server.add(&words.take().unwrap_or_default()).await?;
            }
            Response::Continue => return Err(Trouble::Garbage),
            _ => {}
        }
    }
}

/// `LOGIN`, for servers without `AUTH=PLAIN`. Its words are ASCII.
fn login_command(offers: Offers, user: &str, password: &str) -> Result<String, Trouble> {
    if offers.login_disabled {
        return Err(Trouble::Unsupported("it offers neither AUTH=PLAIN nor LOGIN"));
    }
    if !(user.is_ascii() && password.is_ascii()) {
        return Err(Trouble::Unsupported("it does not offer AUTH=PLAIN, and LOGIN takes ASCII only"));
    }
    Ok(format!("LOGIN {} {}", quoted(user), quoted(password)))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Control characters would end a line or a field of what is said, and begin another.
fn must_be_plain(texts: &[&str]) -> Result<(), Trouble> {
    let plain = !texts.iter().any(|text| text.chars().any(char::is_control));
    plain
        .then_some(())
        .ok_or_else(|| Trouble::Refused("user, password or token has control characters".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_can_hold_every_character_and_end_nothing() {
        let offers = Offers::default();
        let command = login_command(offers, "al ice", r#"se"cr\et"#).expect("a command");
        assert_eq!(command, r#"LOGIN "al ice" "se\"cr\\et""#);
        assert!(login_command(offers, "alice", "gehëim").is_err());
        assert!(login_command(Offers { login_disabled: true, ..offers }, "alice", "secret").is_err());
        assert!(must_be_plain(&["al ice", "gehëim"]).is_ok());
        for bad in ["a\r\nv2 LOGOUT", "a\0b", "a\x01auth=Bearer"] {
            assert!(must_be_plain(&["alice", bad]).is_err());
        }
    }
}
