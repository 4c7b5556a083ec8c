//! The functions that run inside Redis, put together from `lua/`.
//!
//! The library is named after its content, so that gateways of different versions on one Redis each call the functions
//! they were built with.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The files in the order they need each other.
const SOURCE: &str = include_str!("lua/self_test.lua");

/// A function library as Redis loads it.
#[derive(Debug, Clone)]
pub struct Library {
    /// `vigie_` and the first eight hexadecimal digits of the source's SHA-256.
    pub name: String,
    /// What `FUNCTION LOAD` takes.
    pub source: String,
}

/// The library of this build.
pub fn library() -> &'static Library {
    static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
        let hash = Sha256::digest(SOURCE);
        let name = format!("vigie_{}", const_hex::encode(&hash[..4]));
        // Function names are shared by all libraries of a server, so they carry the library's name.
        let source = SOURCE.replace("'@_", &format!("'{name}_"));
        Library { source: format!("#!lua name={name}\n{source}"), name }
    });
    &LIBRARY
}
