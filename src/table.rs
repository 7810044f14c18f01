//! The macros that turn the two tables (`status.rs`, `options.rs`) into enums and rows.
//! A doc comment written in a table is the sentence of the header, the docs and every binding.

use std::ffi::{CStr, CString};

use once_cell::race::OnceBox;
use serde_json::json;

use crate::ffi::AUTH_ABI;
use crate::options::OPTIONS;
use crate::status::STATUSES;

/// One row of the status table.
pub struct StatusRow {
    pub status: crate::status::Status,
    pub name: &'static str,
    /// The name with a NUL after it.
    pub name_c: &'static str,
    pub number: i32,
    pub http_status: i32,
    pub code: &'static str,
    /// One sentence for the client; quotes nothing.
    pub message: &'static str,
    pub doc: &'static str,
}

macro_rules! statuses {
    ($($(#[doc = $doc:literal])+ $name:ident $number:literal $http:literal $code:literal
       $message:literal;)+) => {
        /// The outcome of a call. The names are those of every language.
        #[repr(C)]
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Status { $($(#[doc = $doc])+ $name = $number,)+ }

        impl Status {
            pub fn row(self) -> &'static StatusRow {
                match self { $(Status::$name => {
                    static ROW: StatusRow = StatusRow {
                        status: Status::$name,
                        name: stringify!($name),
                        name_c: concat!(stringify!($name), "\0"),
                        number: $number,
                        http_status: $http,
                        code: $code,
                        message: $message,
                        doc: concat!($($doc),+),
                    };
                    &ROW
                })+ }
            }
        }

        /// Every status, in the order of the checks.
        pub static STATUSES: &[Status] = &[$(Status::$name),+];
    };
}
pub(crate) use statuses;

/// One row of the option table.
pub struct OptionRow {
    pub option: crate::options::Opt,
    pub key: &'static str,
    pub kind: crate::options::Kind,
    /// The default as text, or "required", or "-" for "not set".
    pub default: &'static str,
    /// What other libraries call it: an unknown key of these names leads here.
    pub aliases: &'static [&'static str],
    pub doc: &'static str,
}

macro_rules! options {
    ($($(#[doc = $doc:literal])+ $name:ident $key:literal $kind:expr, $default:literal,
       [$($alias:literal),*];)+) => {
        /// An option, named as its key in capitals.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Opt { $($(#[doc = $doc])+ $name,)+ }

        /// Every option, in reading order.
        pub static OPTIONS: &[OptionRow] = &[$(OptionRow {
            option: Opt::$name,
            key: $key,
            kind: $kind,
            default: $default,
            aliases: &[$($alias),*],
            doc: concat!($($doc),+),
        }),+];
    };
}
pub(crate) use options;

/// Both tables and the versions as JSON.
pub fn tables_json() -> &'static CStr {
    static TEXT: OnceBox<CString> = OnceBox::new();
    TEXT.get_or_init(|| {
        let statuses = STATUSES.iter().map(|status| status.row()).map(|row| {
            json!({
                "number": row.number, "name": row.name, "http_status": row.http_status,
                "code": row.code, "message": row.message, "doc": row.doc.trim(),
            })
        });
        let options = OPTIONS.iter().map(|row| {
            json!({
                "key": row.key, "type": row.type_text(), "default": row.default,
                "aliases": row.aliases, "doc": row.doc.trim(),
            })
        });
        let tables = json!({
            "abi": AUTH_ABI,
            "version": env!("CARGO_PKG_VERSION"),
            "statuses": statuses.collect::<Vec<_>>(),
            "options": options.collect::<Vec<_>>(),
        });
        Box::new(CString::new(tables.to_string()).unwrap_or_default())
    })
}
