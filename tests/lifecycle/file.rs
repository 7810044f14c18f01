//! `keys.file`: keys that somebody else puts into a file, and changes there.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use auth::config::Config;
use auth::report::KeysState;
use auth::status::Status;
use serde_json::json;

use crate::provider::*;

/// A folder of its own for each test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("libauth-lifecycle-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// As whole files are replaced: written beside, then renamed.
    fn put(&self, name: &str, text: &str) -> String {
        let (beside, path) = (self.path("beside"), self.path(name));
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, &path).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Turns a link to another file, as mounted secrets do it.
    fn link(&self, to: &str) -> String {
        let (beside, path) = (self.path("beside"), self.path("link"));
        symlink(self.path(to), &beside).unwrap();
        fs::rename(&beside, &path).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn jwks(issuer: &Issuer) -> String {
    issuer.jwks().to_string()
}

/// The ES256 key alone, as a SubjectPublicKeyInfo of P-256.
fn pem(issuer: &Issuer) -> String {
    const HEAD: [u8; 27] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ];
    let key = issuer.jwks()["keys"][0].clone();
    let member = |name: &str| {
        base64_simd::URL_SAFE_NO_PAD.decode_to_vec(key[name].as_str().unwrap()).unwrap()
    };
    let der = [&HEAD[..], &member("x"), &member("y")].concat();
    let text = base64_simd::STANDARD.encode_to_string(der);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn jwks_and_pem_are_read_and_nobody_is_asked() {
    let (folder, issuer) = (Folder::new(), provider());
    for (name, text) in [("keys.json", jwks(&issuer)), ("keys.pem", pem(&issuer))] {
        let path = folder.put(name, &text);
        let config = handle(&issuer, &[("keys.file", &path)]);
        assert!(config.runtime().unwrap().ready().is_ok(), "{name}");
        assert_eq!(status(&config, &token(&issuer)), Status::OK, "{name}");
        let told = report(&config);
        assert_eq!(told.source, format!("keys.file {path}"));
        assert_eq!((told.state, told.usable_for_s), (KeysState::Fresh, None), "{name}");
    }
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (0, 0));
}

#[test]
fn a_changed_file_is_taken_up_at_once_for_an_unknown_key_id() {
    let (folder, issuer) = (Folder::new(), provider());
    let path = folder.put("keys.json", &jwks(&issuer));
    let config = handle(&issuer, &[("keys.file", &path), ("keys.ttl", "1h")]);
    let old = token(&issuer);
    assert_eq!(status(&config, &old), Status::OK);
    assert!(issuer.rotate());
    folder.put("keys.json", &jwks(&issuer));
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    assert_eq!(status(&config, &old), Status::KEY_NOT_FOUND);
}

/// A file is on this machine: a stranger's tokens must not use up the one look at it.
#[test]
fn a_changed_file_is_taken_up_soon_also_after_a_strangers_key_id() {
    let (folder, issuer) = (Folder::new(), provider());
    let path = folder.put("keys.json", &jwks(&issuer));
    let config = handle(&issuer, &[("keys.file", &path), ("keys.ttl", "1h")]);
    assert_eq!(status(&config, &unknown_kid(&issuer, "junk")), Status::KEY_NOT_FOUND);
    assert!(issuer.rotate());
    folder.put("keys.json", &jwks(&issuer));
    let new = token(&issuer);
    until("accepted", || status(&config, &new) == Status::OK);
}

#[test]
fn a_changed_file_is_taken_up_after_ttl_and_nobody_waits() {
    let (folder, issuer) = (Folder::new(), provider());
    let path = folder.put("keys.json", &jwks(&issuer));
    let config = handle(&issuer, &[("keys.file", &path), ("keys.ttl", "1s")]);
    let old = token(&issuer);
    assert_eq!(status(&config, &old), Status::OK);
    assert!(issuer.rotate());
    folder.put("keys.json", &jwks(&issuer));
    // The old key is used until the new file is read, beside the callers.
    until("withdrawn", || match status(&config, &old) {
        Status::OK => false,
        other => {
            assert_eq!(other, Status::KEY_NOT_FOUND);
            true
        }
    });
    assert_eq!(tried(&config, &token(&issuer)), Status::OK);
}

/// Without key ids nothing is unknown: a signature that is bad is the sign of a new key.
#[test]
fn a_changed_pem_file_is_taken_up_after_a_bad_signature() {
    let (folder, issuer) = (Folder::new(), provider());
    let path = folder.put("keys.pem", &pem(&issuer));
    let config = handle(&issuer, &[("keys.file", &path), ("keys.ttl", "1h")]);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    assert!(issuer.rotate());
    folder.put("keys.pem", &pem(&issuer));
    let new = token(&issuer);
    assert_eq!(status(&config, &new), Status::SIGNATURE_INVALID, "nobody waits");
    until("accepted", || status(&config, &new) == Status::OK);
}

#[test]
fn a_link_that_is_turned_to_another_file_is_followed() {
    let (folder, issuer) = (Folder::new(), provider());
    folder.put("one", &jwks(&issuer));
    let path = folder.link("one");
    let config = handle(&issuer, &[("keys.file", &path), ("keys.ttl", "1s")]);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    assert!(issuer.rotate());
    folder.put("two", &jwks(&issuer));
    folder.link("two");
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
}

/// Judges the good token until the report tells of the failure and of stale keys.
fn serves_on(config: &Config, good: &str, why: &str) {
    until(why, || {
        assert_eq!(status(config, good), Status::OK, "{why}");
        let told = report(config);
        let failed = told.last_error.is_some_and(|error| error.log.contains(why));
        failed && told.state == KeysState::Stale
    });
}

#[test]
fn a_file_that_is_no_use_any_more_leaves_the_old_keys_in_force() {
    let (folder, issuer) = (Folder::new(), provider());
    let path = folder.put("keys.json", &jwks(&issuer));
    // `keys.stale` is about providers: what was given locally serves without an end.
    let options = [("keys.file", path.as_str()), ("keys.ttl", "1s"), ("keys.stale", "0s")];
    let config = handle(&issuer, &options);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    folder.put("keys.json", r#"{"keys": ["#);
    serves_on(&config, &good, "cannot be read");
    assert!(report(&config).last_error.unwrap().log.contains(&path));
    fs::remove_file(&path).unwrap();
    serves_on(&config, &good, "not found");
    fs::create_dir(&path).unwrap();
    serves_on(&config, &good, "is not a file");
    fs::remove_dir(&path).unwrap();
    assert_eq!(report(&config).usable_for_s, None);
    folder.put("keys.json", &jwks(&issuer));
    until("read again", || {
        assert_eq!(status(&config, &good), Status::OK);
        report(&config).state == KeysState::Fresh
    });
    assert!(report(&config).last_error.is_none());
}

// ---------------------------------------------------------------- at the start

fn pipe(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[test]
fn a_file_that_is_no_use_at_the_start_is_a_mistake_of_the_configuration() {
    let (folder, issuer) = (Folder::new(), provider());
    folder.put("empty", "");
    folder.put("blank", " \n");
    folder.put("large", &" ".repeat(2_000));
    folder.put("text", "no keys");
    folder.put("none", r#"{"keys":[]}"#);
    folder.put("private", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n");
    fs::write(folder.path("bytes"), [b'{', 0xff]).unwrap();
    fs::create_dir(folder.path("folder")).unwrap();
    symlink(folder.path("nowhere"), folder.path("dangling")).unwrap();
    symlink(folder.path("circle"), folder.path("circle")).unwrap();
    pipe(&folder.path("pipe"));
    for (name, why) in [
        ("missing", "cannot be read: entity not found"),
        ("dangling", "cannot be read: entity not found"),
        ("circle", "cannot be read"),
        ("folder", "is not a file"),
        ("pipe", "is not a file"),
        ("empty", "is neither a JSON key set nor PEM"),
        ("blank", "is neither a JSON key set nor PEM"),
        ("text", "is neither a JSON key set nor PEM"),
        ("bytes", "cannot be read"),
        ("none", "no usable key"),
        ("private", "private keys stay away"),
        ("large", "has more than 1024 bytes (`keys.max_bytes`)"),
    ] {
        let path = folder.path(name);
        let options = [("keys.file", path.to_str().unwrap()), ("keys.max_bytes", "1k")];
        let config = handle(&issuer, &options);
        for refusal in [config.check().unwrap_err(), config.runtime().err().unwrap()] {
            assert_eq!(refusal.status, Status::OPTION_INVALID, "{name}");
            assert!(refusal.log.starts_with("keys.file "), "{name}: {}", refusal.log);
            assert!(refusal.log.contains(why), "{name}: {}", refusal.log);
        }
    }
}

#[test]
fn keys_have_one_source() {
    let (folder, issuer) = (Folder::new(), provider());
    let path = folder.put("keys.json", &jwks(&issuer));
    let (set, uri) = (jwks(&issuer), format!("{}/jwks", issuer.url()));
    for (key, value) in [("keys.jwks", &set), ("keys.jwks_uri", &uri)] {
        let config = handle(&issuer, &[("keys.file", path.as_str()), (key, value.as_str())]);
        let refusal = config.check().unwrap_err();
        assert_eq!(refusal.status, Status::OPTION_INVALID, "{key}");
        for name in ["keys.file", key, "one source"] {
            assert!(refusal.log.contains(name), "{}", refusal.log);
        }
    }
}

#[test]
fn one_file_serves_every_tenant() {
    let (folder, issuer) = (Folder::new(), provider());
    let path = folder.put("keys.json", &jwks(&issuer));
    let config = Config::default();
    for (key, value) in [
        ("issuer", "https://login.example/{tenant}/v2.0"),
        ("claims.tenants", "*"),
        ("audience", "api"),
        ("keys.file", path.as_str()),
    ] {
        config.set(key.as_bytes(), Some(value.as_bytes())).unwrap();
    }
    for tenant in ["red", "blue"] {
        let mut claims = claims(&format!("https://login.example/{tenant}/v2.0"));
        claims["tid"] = json!(tenant);
        assert_eq!(status(&config, &issuer.mint(ALG, &claims, None)), Status::OK, "{tenant}");
    }
}
