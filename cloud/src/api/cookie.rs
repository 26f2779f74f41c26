//! The cookie: how a browser keeps a session's token. Pure.
//!
//! Scripts cannot read it, other sites' pages do not send it along, and over TLS it goes nowhere else.

use crate::sign_in::Token;
use crate::store::sign_in::SESSION_MS;
use axum::http::HeaderMap;
use axum::http::header::COOKIE;

/// Its name.
pub const NAME: &str = "fg_session";

/// Whether it may go over plain HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    /// Over TLS alone.
    Tls,
    /// Over plain HTTP too: on this machine.
    Plain,
}

/// The token of a request: the only one, if it has the form of one.
pub fn token(headers: &HeaderMap) -> Option<Token> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let pairs = pairs.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut own = pairs.filter(|(name, _)| *name == NAME);
    let (_, value) = own.next()?;
    if own.next().is_some() { None } else { Token::shown(value) }
}

/// What has a browser keep a token.
pub fn kept(token: &Token, over: Over) -> String {
    written(token.expose(), SESSION_MS / 1_000, over)
}

/// What has a browser forget it.
pub fn forgotten(over: Over) -> String {
    written("", 0, over)
}

fn written(value: &str, seconds: i64, over: Over) -> String {
    let secure = if over == Over::Tls { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[&str]) -> Option<Token> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(COOKIE, value.parse().unwrap());
        }
        token(&map)
    }

    #[test]
    fn the_only_token_of_a_request_is_found_among_other_cookies() {
        let text = "0af3".repeat(16);
        let expected = Token::shown(&text);
        assert_eq!(of(&[&format!("a=b; {NAME}={text}; c=d")]), expected);
        assert_eq!(of(&["a=b", &format!("{NAME}={text}")]), expected);
        for wrong in [
            &[][..],
            &["a=b"],
            &[&format!("{NAME}={text}; {NAME}={text}")],
            &[&format!("{NAME}={text}0")],
            &[&format!("x{NAME}={text}")],
            &[&format!("{NAME}=")],
        ] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn scripts_cannot_read_it_and_other_sites_do_not_send_it() {
        let token = Token::shown(&"12".repeat(32)).unwrap();
        let plain = kept(&token, Over::Plain);
        assert_eq!(
            plain,
            format!("fg_session={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=604800", token.expose())
        );
        assert_eq!(kept(&token, Over::Tls), format!("{plain}; Secure"));
        assert!(
            forgotten(Over::Tls).starts_with("fg_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
        );
    }
}
