//! Reports as mail servers make them of a letter of ours.

use vigie::token::sign_return;

use crate::api::house::{House, name};

/// What a letter of `demo` to this address carries.
pub(super) fn returned(house: &House, email: &str) -> String {
    let who = house.identity.of_address(email).expect("an address");
    sign_return(&name("demo"), who, &house.ring).expect("demo has a key")
}

/// A delivery report with this status, about a letter with these headers.
pub(super) fn failed(status: &str, headers: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example\r\nTo: <bounces@demo.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_b\"\r\n\r\n\
         --=_b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
         Final-Recipient: rfc822; canary-other@example.org\r\nAction: failed\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; 550 {status} <canary-other@example.org> <script>alert(1)</script>\r\n\r\n\
         --=_b\r\nContent-Type: text/rfc822-headers\r\n\r\n{headers}Subject: Hello\r\n\r\n--=_b--\r\n"
    )
}

/// The headers that make a letter known.
pub(super) fn letter(returned: &str, reference: &str) -> String {
    format!("X-Vigie-Send: {reference}\r\nX-Vigie-Return: {returned}\r\n")
}
