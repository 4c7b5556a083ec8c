//! What the public listener believes, and whom it lets read its answers.

use hyper::header::HeaderName;
use url::Url;

use super::{Problem, refuse_if};
use crate::config::Config;

/// Origins are compared as browsers send them, so nothing may stand there that none sends.
pub(super) fn origins(config: &Config, problems: &mut Vec<Problem>) {
    for origin in &config.edge.origins {
        let exact = Url::parse(origin).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == *origin
        });
        refuse_if(!exact, problems, || {
            format!(
                "`edge.origins` has {origin:?}, which no browser sends: write the origin alone, in lower case, without \
                 a slash at the end and without the scheme's own port, such as \"https://portal.acme.example\""
            )
        });
    }
}

/// A header that can be one.
pub(super) fn client_ip_header(config: &Config, problems: &mut Vec<Problem>) {
    let header = &config.edge.client_ip_header;
    refuse_if(header.parse::<HeaderName>().is_err(), problems, || {
        format!("`edge.client_ip_header` ({header:?}) must be a header's name such as \"X-Forwarded-For\"")
    });
}
