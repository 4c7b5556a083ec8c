//! `/b.js`: what sends beacons.

use super::house::House;

#[test]
fn the_script_is_cached_and_asked_for_anew() {
    let house = House::open();
    let reply = house.get("/b.js");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    assert_eq!(reply.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    let script = String::from_utf8(reply.body.clone()).expect("text");
    for never in ["eval(", "Function(", "innerHTML", "document.write", "cookie", "localStorage"] {
        assert!(!script.contains(never), "pages with a strict policy run it, and it stores nothing: {never}");
    }
    let tag = reply.header("etag").expect("a tag").to_owned();
    let ask = |tag: &str| {
        house.connect().ask(&format!("GET /b.js HTTP/1.1\r\nHost: t\r\nIf-None-Match: {tag}\r\n\r\n"))
    };
    for same in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".into()] {
        let reply = ask(&same);
        assert_eq!((reply.status, reply.body.len(), reply.header("etag")), (304, 0, Some(tag.as_str())));
    }
    assert_eq!(ask("\"other\"").status, 200);
    assert_eq!(house.connect().ask("HEAD /b.js HTTP/1.1\r\nHost: t\r\n\r\n").head, reply.head);
    for path in ["/b.js/", "/b.jsx", "/b.js%00", "/B.js"] {
        assert_eq!(house.get(path).status, 404, "{path}");
    }
    assert_eq!(house.metric(r#"vigie_edge_requests_total{route="script",status="304"}"#), Some(4));
}
