//! Link arguments of the shared library: its SONAME; own symbols first (a program's own
//! `auth_verify` must never be reached from inside); never unmapped (a running fetch would lose its
//! code).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        for argument in ["-soname,libauth.so.1", "-Bsymbolic", "-z,nodelete"] {
            println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
        }
    }
}
