//! Memory: what a verification allocates, what a handle holds, and that bad or large input costs
//! at most a small multiple of its length.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::Command;
use std::ptr;
use std::sync::Arc;

use auth::ffi::*;
use auth::keys::jwks::KeySet;
use auth::keys::source::succeed;
use auth::status::Status;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use common::*;

/// Counts the allocations of each thread by itself: tests run beside each other.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static PEAK_IN_PLACE: Cell<isize> = const { Cell::new(0) };
}

fn count(allocations: usize, grown: isize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    HELD.set(HELD.get() + grown);
    PEAK.set(PEAK.get().max(HELD.get()));
    PEAK_IN_PLACE.set(PEAK_IN_PLACE.get().max(HELD.get()));
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        unsafe { System.dealloc(start, layout) }
    }

    /// `PEAK` counts as if the block always moved: for a moment both are held.
    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        PEAK.set(PEAK.get().max(HELD.get() + size as isize));
        count(1, size as isize - layout.size() as isize);
        unsafe { System.realloc(start, layout, size) }
    }
}

#[derive(Debug)]
struct Used {
    allocations: usize,
    peak: usize,
    /// Where every block that grew could stay where it was.
    peak_in_place: usize,
    held: isize,
}

fn used<T>(body: impl FnOnce() -> T) -> (T, Used) {
    let (allocations, held) = (ALLOCATIONS.get(), HELD.get());
    PEAK.set(held);
    PEAK_IN_PLACE.set(held);
    let given = body();
    let used = Used {
        allocations: ALLOCATIONS.get() - allocations,
        peak: (PEAK.get() - held) as usize,
        peak_in_place: (PEAK_IN_PLACE.get() - held) as usize,
        held: HELD.get() - held,
    };
    (given, used)
}

// ---------------------------------------------------------------- allocations

/// Of a second verification: the first freezes the handle and prepares the key.
fn allocations_of(token: &str) -> usize {
    let handle = Handle::local(&[]);
    let mut memory = Memory::new(verdict_size(16 * 1024));
    let (out, size) = (memory.bytes.as_mut_ptr().cast(), memory.bytes.len());
    let verify = || verify_at(handle.config(), token.as_bytes(), NOW, out, size);
    assert_eq!(verify(), Status::OK);
    let (status, used) = used(verify);
    assert_eq!((status, used.held), (Status::OK, 0), "nothing stays");
    used.allocations
}

#[test]
fn an_accepted_token_costs_at_most_six_allocations() {
    let more = r#","sub":"alice","client_id":"shop","scope":"orders:read orders:write",
        "iat":1799999000,"nbf":1799999000,"jti":"5f1c","realm_access":{"roles":["a","b"]}"#;
    for alg in ["RS256", "ES256", "EdDSA"] {
        let allocations = allocations_of(&token(alg, &payload_with(more)));
        println!("{alg}: {allocations} allocations");
        assert!(allocations <= 6, "{alg}: {allocations} allocations");
    }
}

#[test]
fn a_list_of_scopes_costs_a_few_allocations_more() {
    let more = r#","scope":["orders:read","orders:write"],"scp":"audit","aud2":["a","b"]"#;
    let allocations = allocations_of(&token("ES256", &payload_with(more)));
    println!("list of scopes: {allocations} allocations");
    assert!(allocations <= 16, "{allocations} allocations");
}

#[test]
fn a_header_costs_one_allocation_more_than_its_token_for_what_it_requires() {
    let handle = Handle::local(&[("verdict.require", "orders:read")]);
    let token = good_token("ES256");
    let header = format!("Bearer {token}");
    let mut memory = Memory::new(verdict_size(16 * 1024));
    let (out, size) = (memory.bytes.as_mut_ptr().cast(), memory.bytes.len());
    let authorize =
        || authorize_at(handle.config(), header.as_bytes(), b"orders:write", NOW, out, size);
    assert_eq!(authorize(), Status::OK);
    let (status, used) = used(authorize);
    assert_eq!((status, used.allocations), (Status::OK, allocations_of(&token) + 1));
}

#[test]
fn finding_the_token_of_a_header_allocates_nothing() {
    let header = format!("Bearer {}", good_token("ES256"));
    let (mut token, mut token_len) = (ptr::null(), 0);
    let (start, length) = (chars(header.as_bytes()), header.len());
    let (status, used) =
        used(|| unsafe { auth_extract_bearer(start, length, &raw mut token, &raw mut token_len) });
    assert_eq!((status, used.allocations, token_len), (Status::OK, 0, header.len() - 7));
}

// ---------------------------------------------------------------- the handle

const HANDLE_MAX_BYTES: usize = 64 * 1024;

fn frozen_local() -> Handle {
    let handle = Handle::local(&[]);
    for alg in ["RS256", "ES256", "EdDSA"] {
        assert_eq!(handle.verify_at(&good_token(alg)).status, 0);
    }
    handle
}

fn frozen_remote() -> Handle {
    let handle = Handle::remote(&[]);
    let payload = format!(r#"{{"iss":"https://127.0.0.1:1","aud":"{AUDIENCE}","exp":{EXP}}}"#);
    let answer = handle.verify_at(&token("EdDSA", &payload));
    assert_eq!(answer.status, Status::KEYS_PENDING as i32);
    handle
}

#[test]
fn a_frozen_handle_holds_at_most_64_kib() {
    for (name, make) in [("local", frozen_local as fn() -> Handle), ("remote", frozen_remote)] {
        drop(make());
        let (handle, used) = used(make);
        println!("{name}: {} bytes held, {} at the peak", used.held, used.peak);
        assert!(used.held > 0 && used.held as usize <= HANDLE_MAX_BYTES, "{name}: {used:?}");
        drop(handle);
    }
}

/// The same with what the C code of the cryptography holds, which no allocator of Rust sees: the
/// whole process is measured, so it has to be alone.
#[test]
fn a_frozen_handle_holds_at_most_64_kib_with_its_prepared_keys() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "heap_of_the_process", "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    println!("{told}");
    assert!(child.status.success() && told.contains("1 passed"), "{told}");
}

#[test]
#[ignore = "run by a_frozen_handle_holds_at_most_64_kib_with_its_prepared_keys"]
fn heap_of_the_process() {
    let heap = || {
        let told = unsafe { libc::mallinfo2() };
        told.uordblks + told.hblkhd
    };
    for (name, make) in [("local", frozen_local as fn() -> Handle), ("remote", frozen_remote)] {
        const HANDLES: usize = 32;
        drop(make());
        let mut handles = Vec::with_capacity(HANDLES);
        let before = heap();
        handles.extend((0..HANDLES).map(|_| make()));
        let each = (heap() - before) / HANDLES;
        println!("{name}: {each} bytes of the process a handle");
        assert!(each <= HANDLE_MAX_BYTES, "{name}: {each} bytes");
    }
}

#[test]
fn a_handle_leaves_nothing_behind() {
    let make = || {
        let handle = frozen_local();
        handle.set("audience", "late");
        let other = Handle::local(&[]);
        other.set("audence", "x");
        other.check();
    };
    make();
    let ((), used) = used(make);
    // A debug build keeps the place of each of the two, so that a later use is told.
    let husks = if cfg!(debug_assertions) { 2 * 256 } else { 0 };
    assert!(used.held <= husks, "{} bytes", used.held);
}

// ---------------------------------------------------------------- large key sets

const LARGE_SET: usize = 10_000;
const LARGE_SET_MAX_BYTES: usize = 20_000_000;

/// Numbers that differ: what they are worth as a key does not matter here.
fn modulus() -> Vec<u8> {
    let mut modulus = vec![0; 256];
    aws_lc_rs::rand::fill(&mut modulus).unwrap();
    modulus[0] |= 0x80;
    modulus[255] |= 1;
    modulus
}

fn large_set(member: impl Fn() -> String) -> String {
    let keys =
        (0..LARGE_SET).map(|n| format!(r#"{{"kid":"a-key-of-a-large-set-{n}",{}}}"#, member()));
    format!(r#"{{"keys":[{}]}}"#, keys.collect::<Vec<_>>().join(","))
}

fn large_ec_set() -> String {
    large_set(|| {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (base64(x), base64(y));
        format!(r#""kty":"EC","crv":"P-256","use":"sig","alg":"ES256","x":"{x}","y":"{y}""#)
    })
}

fn large_rsa_set(alg: &str) -> String {
    large_set(|| {
        let n = base64(&modulus());
        format!(r#""kty":"RSA","use":"sig",{alg}"n":"{n}","e":"AQAB""#)
    })
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// And a refresh that brings the same keys again leaves no second set behind.
#[test]
fn ten_thousand_keys_hold_at_most_20_mb() {
    for (name, document) in [
        ("EC", large_ec_set()),
        ("RSA", large_rsa_set(r#""alg":"RS256","#)),
        ("RSA for every algorithm", large_rsa_set("")),
    ] {
        let parse = || KeySet::parse(document.as_bytes()).unwrap();
        let (set, parsed) = used(|| Arc::new(parse()));
        let usable = set.keys.iter().filter(|key| key.usable.is_ok()).count();
        assert_eq!(usable, LARGE_SET, "{name}");
        let (again, refreshed) = used(|| succeed(Some(&set), parse()).0);
        assert!(again.keys.iter().zip(&set.keys).all(|(new, old)| Arc::ptr_eq(new, old)), "{name}");
        let (document, peak) = (document.len(), refreshed.peak);
        println!(
            "{name}: {document} bytes of JSON, {} held, {peak} more at a refresh",
            parsed.held
        );
        // A pointer and a place for each key.
        let places = LARGE_SET * 16;
        assert!(parsed.held as usize <= LARGE_SET_MAX_BYTES, "{name}: {parsed:?}");
        assert!(refreshed.held as usize <= places, "{name}: {refreshed:?}");
        assert!(peak <= 2 * LARGE_SET_MAX_BYTES, "{name}: {peak} bytes at a refresh");
    }
}

// ---------------------------------------------------------------- bad and large input

/// Beside four times the length of the input.
const SMALL: usize = 8 * 1024;

/// Collects what is beyond the bound, so that one failure tells all.
#[derive(Default)]
struct Bounds {
    broken: Vec<String>,
}

impl Bounds {
    fn judge(&mut self, name: &str, length: usize, used: &Used) {
        let limit = 4 * length + SMALL;
        let times = used.peak as f64 / length as f64;
        let Used { allocations, peak, peak_in_place, held } = used;
        let told = format!(
            "{name}: {length} bytes, peak {peak} ({times:.1} times; {peak_in_place} in place), \
             limit {limit}, {held} held, {allocations} allocations"
        );
        println!("{told}");
        if used.peak > limit {
            self.broken.push(told);
        }
    }

    fn call(&mut self, name: &str, length: usize, call: &dyn Fn() -> Status, status: Status) {
        // What is built once (a frozen handle, prepared keys) is not the input's.
        assert_eq!(call(), status, "{name}");
        let (_, used) = used(call);
        self.judge(name, length, &used);
        assert_eq!(used.held, 0, "{name}: nothing stays");
    }

    fn token(&mut self, name: &str, token: &str, status: Status) {
        let handle = Handle::local(&[]);
        assert!(token.len() <= 16 * 1024, "{name}: {} bytes", token.len());
        let mut memory = Memory::new(verdict_size(16 * 1024));
        let (out, size) = (memory.bytes.as_mut_ptr().cast(), memory.bytes.len());
        let verify = || verify_at(handle.config(), token.as_bytes(), NOW, out, size);
        self.call(name, token.len(), &verify, status);
    }

    fn claims(&mut self, name: &str, more: &str, status: Status) {
        self.token(name, &token("EdDSA", &payload_with(more)), status);
    }

    /// A set, and then everything judged together. Key and value end in NUL.
    fn option(&mut self, key: &str, name: &str, value: &str) {
        let name = format!("{}: {name}", key.trim_end_matches('\0'));
        let handle = Handle::local(&[]);
        let (answered, set) = used(|| set_value(&handle, key, value));
        // A limit may refuse it: what it costs is the rule here.
        let mistakes = [Status::OPTION_INVALID, Status::OPTION_UNKNOWN];
        assert!(answered == Status::OK || mistakes.contains(&answered), "{name}: {answered:?}");
        self.judge(&format!("{name}, set"), value.len(), &set);
        let (_, mut check) = used(|| handle.check());
        check.peak += set.held.max(0) as usize;
        self.judge(&format!("{name}, held and checked"), value.len(), &check);
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.broken.is_empty(), "beyond the bound:\n  {}", self.broken.join("\n  "));
        }
    }
}

fn repeated(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

/// Names of one byte, and of two when those are used up.
fn short_name(place: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let letter = |n: usize| LETTERS[n % LETTERS.len()] as char;
    match place < LETTERS.len() {
        true => letter(place).to_string(),
        false => format!("{}{}", letter(place / LETTERS.len()), letter(place)),
    }
}

#[test]
fn many_short_claim_names() {
    let mut bounds = Bounds::default();
    for count in [33, 65, 129, 257, 513, 1_025, 1_300, 1_500] {
        let claims = repeated(count, |n| format!("\"{}\":1", short_name(n)));
        bounds.claims(&format!("{count} short names"), &format!(",{claims}"), Status::OK);
    }
    let claims = repeated(800, |n| format!("\"claim{n:04}\":1"));
    bounds.claims("800 names", &format!(",{claims}"), Status::OK);
    let claims = repeated(600, |n| format!("\"\\u0061{n:04x}\":1"));
    bounds.claims("600 names with escapes", &format!(",{claims}"), Status::OK);
}

/// Each level keeps its own names.
fn levels(depth: usize, names: usize) -> String {
    let names = repeated(names, |n| format!("\"{}\":1", short_name(n)));
    let mut text = format!("{{{names}}}");
    for _ in 1..depth {
        text = format!("{{{names},\"~\":{text}}}");
    }
    format!(r#","deep":{text}"#)
}

#[test]
fn many_short_names_on_every_level() {
    let mut bounds = Bounds::default();
    for (depth, names) in [(16, 31), (17, 31), (31, 16), (31, 17), (31, 31), (31, 33), (31, 40)] {
        let name = format!("{depth} levels of {names} names");
        bounds.claims(&name, &levels(depth, names), Status::OK);
    }
}

#[test]
fn brackets() {
    let mut bounds = Bounds::default();
    let text = |payload: &str| token("EdDSA", payload);
    let open = "[".repeat(12_000);
    bounds.token("brackets", &text(&open), Status::TOKEN_MALFORMED);
    let deep = format!("{{\"a\":{open}");
    bounds.token("brackets of a claim", &text(&deep), Status::TOKEN_MALFORMED);
    let braces = "{\"a\":".repeat(2_400);
    bounds.token("braces", &text(&braces), Status::TOKEN_MALFORMED);
    let flat = format!(r#","a":[{}]"#, repeated(4_000, |_| "[]".to_owned()));
    bounds.claims("4000 empty arrays", &flat, Status::OK);
}

#[test]
fn one_huge_text_with_escapes() {
    let mut bounds = Bounds::default();
    for (name, one) in [
        ("newlines", r"\n"),
        ("letters in hexadecimal", r"\u0061"),
        ("wide in hexadecimal", r"\u20ac"),
        ("surrogates", r"\ud83d\ude00"),
        ("wide", "€"),
    ] {
        let text = one.repeat(11_500 / one.len());
        let more = |claim: &str| format!(r#","{claim}":"{text}""#);
        bounds.claims(&format!("{name} in an unknown claim"), &more("x"), Status::OK);
        bounds.claims(&format!("{name} in sub"), &more("sub"), Status::CLAIM_MALFORMED);
        let status = if name == "newlines" { Status::CLAIM_MALFORMED } else { Status::OK };
        bounds.claims(&format!("{name} in scope"), &more("scope"), status);
        let member = format!(r#","{text}":1"#);
        bounds.claims(&format!("{name} as a name"), &member, Status::OK);
        let header = format!(r#"{{"alg":"EdDSA","x":"{text}"}}"#);
        let signed = signed("EdDSA", header.as_bytes(), good_payload().as_bytes());
        bounds.token(&format!("{name} in the header"), &signed, Status::OK);
    }
}

#[test]
fn lists_and_texts_of_many() {
    let mut bounds = Bounds::default();
    for count in [129, 1_025, 2_049, 2_900] {
        let members = repeated(count, |n| format!("\"{}\"", (b'a' + (n % 26) as u8) as char));
        let payload = format!(r#"{{"iss":"{ISSUER}","aud":[{members}],"exp":{EXP}}}"#);
        let token = token("EdDSA", &payload);
        let name = format!("{count} audiences of a letter");
        bounds.token(&name, &token, Status::AUDIENCE_INVALID);
        let more = format!(r#","scope":[{members}]"#);
        bounds.claims(&format!("{count} scopes of a letter in a list"), &more, Status::OK);
        let other = repeated(count, |n| format!("\"{}\"", short_name(n % 1_000)));
        if count < 2_500 {
            let more = format!(r#","scope":[{other}],"scp":"z z z""#);
            bounds.claims(&format!("{count} short scopes in a list"), &more, Status::OK);
        }
    }
    for count in [1_025, 2_049, 4_000, 5_600] {
        let letters = vec!["a"; count].join(" ");
        let more = format!(r#","scope":"{letters}""#);
        bounds.claims(&format!("{count} scopes of a letter in a text"), &more, Status::OK);
        let half = vec!["a"; count / 2].join(" ");
        let more = format!(r#","scope":"{half}","scp":"{half}""#);
        bounds.claims(&format!("{count} scopes in two texts"), &more, Status::OK);
    }
    let short: Vec<String> = (0..3_400).map(short_name).collect();
    let more = format!(r#","scope":"{}""#, short.join(" "));
    bounds.claims("3400 short scopes", &more, Status::OK);
}

#[test]
fn rubbish_as_a_token() {
    let mut bounds = Bounds::default();
    let handle = Handle::local(&[]);
    for (name, byte, status) in
        [("dots", b'.', Status::TOKEN_TOO_LARGE), ("letters", b'a', Status::TOKEN_TOO_LARGE)]
    {
        let text = vec![byte; 1_000_000];
        let verify = || verify_at(handle.config(), &text, NOW, ptr::null_mut(), 0);
        bounds.call(name, text.len(), &verify, status);
    }
    bounds.token("dots", &".".repeat(16_384), Status::TOKEN_MALFORMED);
    bounds.token("letters", &"a".repeat(16_384), Status::TOKEN_OPAQUE);
    bounds.token("two dots", &format!("{}..", "a".repeat(16_382)), Status::TOKEN_MALFORMED);
    bounds.token("nothing", ".", Status::TOKEN_MALFORMED);
}

#[test]
fn rubbish_as_a_header() {
    let handle = Handle::local(&[]);
    for (name, text, status) in [
        ("10 MB of spaces", " ".repeat(10_000_000), Status::HEADER_MISSING),
        ("10 MB of letters", "a".repeat(10_000_000), Status::HEADER_MALFORMED),
        (
            "10 MB of letters after Bearer",
            format!("Bearer {}", "a".repeat(10_000_000)),
            Status::TOKEN_TOO_LARGE,
        ),
        (
            "10 MB of spaces after Bearer",
            format!("Bearer {}", " ".repeat(10_000_000)),
            Status::HEADER_MALFORMED,
        ),
        ("10 MB of scheme", format!("{} x", "a".repeat(10_000_000)), Status::SCHEME_UNSUPPORTED),
    ] {
        let authorize =
            || authorize_at(handle.config(), text.as_bytes(), b"", NOW, ptr::null_mut(), 0);
        let (answered, used) = used(authorize);
        assert_eq!(answered, status, "{name}");
        assert!(used.peak < 32 * 1024, "{name}: {used:?}: no copy of the header");
    }
}

#[test]
fn rubbish_as_a_requirement_or_detail() {
    let mut bounds = Bounds::default();
    let handle = Handle::local(&[]);
    for (name, text) in [
        ("letters", vec![b'a'; 1_000_000]),
        ("NULs", vec![0; 1_000_000]),
        ("bytes that are no text", vec![0xff; 1_000_000]),
        ("a short text", vec![0xff; 100]),
    ] {
        let authorize =
            || authorize_at(handle.config(), b"Bearer x", &text, NOW, ptr::null_mut(), 0);
        bounds.call(
            &format!("requirement: {name}"),
            text.len(),
            &authorize,
            Status::REQUIREMENT_INVALID,
        );
        let describe = || describe(handle.config(), 1002, &text, ptr::null_mut(), 0);
        bounds.call(&format!("detail: {name}"), text.len(), &describe, Status::HEADER_MALFORMED);
    }
}

// ---------------------------------------------------------------- options and key sets

/// Without the copy that `Handle::set` makes for the NUL.
fn set_value(handle: &Handle, key: &str, value: &str) -> Status {
    assert!(key.ends_with('\0') && value.ends_with('\0'));
    let (key, value) = (chars(key.as_bytes()), chars(value.as_bytes()));
    unsafe { auth_config_set(handle.config(), key, value, ptr::null_mut(), 0) }
}

fn key_set(members: &str) -> String {
    let good = jwks().strip_prefix(r#"{"keys":["#).unwrap().strip_suffix("]}").unwrap();
    format!(r#"{{"keys":[{members},{good}]}}"#) + "\0"
}

const HALF_A_MEGABYTE: usize = 500_000;

#[test]
fn a_key_set_of_tiny_elements() {
    let mut bounds = Bounds::default();
    for one in ["1", "{}", "[]", r#"{"kid":"a"}"#, r#"{"kty":"x"}"#] {
        let count = HALF_A_MEGABYTE / (one.len() + 1);
        let set = key_set(&repeated(count, |_| one.to_owned()));
        bounds.option("keys.jwks\0", &format!("{count} of {one}"), &set);
    }
}

#[test]
fn a_key_set_of_small_usable_keys() {
    let mut bounds = Bounds::default();
    let ed = jwks().split(r#""x":""#).last().unwrap().split('"').next().unwrap();
    let one = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ed}"}}"#);
    let count = HALF_A_MEGABYTE / one.len();
    let set = key_set(&repeated(count, |_| one.clone()));
    bounds.option("keys.jwks\0", &format!("{count} Ed25519 keys"), &set);
}

#[test]
fn a_key_set_with_one_huge_member() {
    let mut bounds = Bounds::default();
    let huge = "x".repeat(HALF_A_MEGABYTE);
    let escaped = r"\u0061".repeat(HALF_A_MEGABYTE / 6);
    let inside = format!(r#"{{"kty":"OKP","junk":"{escaped}"}}"#);
    let deep = format!(r#"{{"kty":{}"#, "[".repeat(HALF_A_MEGABYTE));
    let good = key_set("{}");
    let outer = |member: &str| good.replacen('{', &format!("{{{member},"), 1);
    for (name, set) in [
        ("an unknown member", outer(&format!(r#""junk":"{huge}""#))),
        ("an unknown member with escapes", outer(&format!(r#""junk":"{escaped}""#))),
        ("a name", outer(&format!(r#""{huge}":1"#))),
        ("a name with escapes", outer(&format!(r#""{escaped}":1"#))),
        ("a member of a key", key_set(&inside)),
        ("brackets", key_set(&deep)),
        ("many names", outer(&repeated(60_000, |n| format!("\"{n:x}\":1")))),
    ] {
        bounds.option("keys.jwks\0", name, &set);
    }
}

#[test]
fn a_key_set_that_is_no_json() {
    let mut bounds = Bounds::default();
    for (name, text) in [
        ("letters", "a".repeat(HALF_A_MEGABYTE)),
        ("brackets", "[".repeat(HALF_A_MEGABYTE)),
        ("braces", "{\"keys\":".repeat(HALF_A_MEGABYTE / 8)),
        ("blanks", " ".repeat(HALF_A_MEGABYTE)),
    ] {
        bounds.option("keys.jwks\0", name, &format!("{text}\0"));
    }
}

#[test]
fn an_option_of_many_items() {
    let mut bounds = Bounds::default();
    let items = |count: usize| (0..count).map(|n| format!("{n:x}")).collect::<Vec<_>>();
    let text = items(5_000).join(" ") + "\0";
    bounds.option("audience\0", "5000 items", &text);
    bounds.option("issuer\0", "5000 items", &text);
    bounds.option("token.types\0", "5000 items", &text);
    let array = format!("{:?}\0", items(5_000));
    bounds.option("audience\0", "5000 items of an array", &array);
    let names = vec!["RS256"; 20_000].join(" ") + "\0";
    bounds.option("token.algorithms\0", "20000 items", &names);
}

#[test]
fn an_option_of_one_huge_text() {
    let mut bounds = Bounds::default();
    for row in auth::options::OPTIONS {
        let key = format!("{}\0", row.key);
        for text in ["a", "é", "\u{1}", "9"] {
            let value = text.repeat(100_000 / text.len()) + "\0";
            bounds.option(&key, &format!("100 kB of {text:?}"), &value);
        }
    }
}

#[test]
fn a_huge_unknown_key() {
    let mut bounds = Bounds::default();
    for (name, text) in [
        ("letters", b"a".as_slice()),
        ("wide", "\u{1f600}".as_bytes()),
        ("bytes that are no text", b"\xff"),
    ] {
        let key = [text.repeat(100_000 / text.len()), vec![0]].concat();
        let handle = Handle::local(&[]);
        let (value, out) = (c"x".as_ptr(), ptr::null_mut());
        let set = || unsafe { auth_config_set(handle.config(), chars(&key), value, out, 0) };
        let (status, used) = used(set);
        assert_eq!(status, Status::OPTION_UNKNOWN);
        bounds.judge(&format!("key of 100 kB: {name}"), key.len(), &used);
    }
}

#[test]
fn many_mistakes_hold_little() {
    let handle = Handle::local(&[]);
    let (_, used) = used(|| {
        for n in 0..10_000 {
            handle.set(&format!("wrong{n}"), "x");
            handle.set("audience", "");
        }
    });
    println!("20000 mistakes: {used:?}");
    assert!(used.held < 16 * 1024, "{used:?}");
}

// ---------------------------------------------------------------- documents of options

impl Bounds {
    /// A load, and then everything judged together.
    fn document(&mut self, name: &str, json: &str) {
        let handle = Handle::local(&[]);
        let load = || load(handle.config(), json.as_bytes(), ptr::null_mut(), 0);
        let (_, loaded) = used(load);
        self.judge(&format!("{name}, loaded"), json.len(), &loaded);
        let (_, mut check) = used(|| handle.check());
        check.peak += loaded.held.max(0) as usize;
        self.judge(&format!("{name}, held and checked"), json.len(), &check);
    }
}

#[test]
fn a_document_of_many_members() {
    let mut bounds = Bounds::default();
    let short = repeated(3_000, |n| format!("\"{}\":1", short_name(n)));
    bounds.document("3000 short names", &format!("{{{short}}}"));
    let names = repeated(70_000, |n| format!("\"{n:05x}\":1"));
    bounds.document("70000 names", &format!("{{{names}}}"));
    bounds.document("70000 names of keys", &format!("{{\"keys\":{{{names}}}}}"));
    bounds.document("70000 names in an array", &format!("{{\"audience\":[{{{names}}}]}}"));
    let escaped = repeated(40_000, |n| format!("\"\\u0061{n:05x}\":1"));
    bounds.document("40000 names with escapes", &format!("{{{escaped}}}"));
    let groups = vec!["\"claims\":{\"a\":1}"; 50_000].join(",");
    bounds.document("one group 50000 times", &format!("{{{groups}}}"));
    for one in ["0", "\"\"", "{}", "[]", "null", "\"a\""] {
        let items = vec![one; 500_000 / (one.len() + 1)].join(",");
        for key in ["audience", "keys.jwks", "verdict.require", "x"] {
            bounds.document(&format!("{key} of many {one}"), &format!("{{\"{key}\":[{items}]}}"));
        }
        let set = format!("{{\"keys\":{{\"jwks\":{{\"keys\":[{items}]}}}}}}");
        bounds.document(&format!("a key set of many {one}"), &set);
    }
}

#[test]
fn a_document_of_many_issuers() {
    let mut bounds = Bounds::default();
    for (name, one) in [
        ("nothing", "{}"),
        ("issuer", r#"{"issuer":"i"}"#),
        ("mistakes", r#"{"a":1}"#),
        ("no objects", "1"),
    ] {
        let items = vec![one; 20_000 / (one.len() + 1)].join(",");
        bounds.document(&format!("issuers of {name}"), &format!("{{\"issuers\":[{items}]}}"));
        bounds.option("issuers\0", &format!("issuers of {name}"), &format!("[{items}]\0"));
    }
    let different = repeated(1_000, |n| format!(r#"{{"issuer":"i{n:x}"}}"#));
    bounds.document("1000 issuers", &format!("{{\"issuers\":[{different}]}}"));
}

#[test]
fn a_document_of_one_huge_member() {
    let mut bounds = Bounds::default();
    for (name, one) in
        [("letters", "a"), ("wide", "\u{1f600}"), ("escapes", r"\u0061"), ("newlines", r"\n")]
    {
        let text = one.repeat(HALF_A_MEGABYTE / one.len());
        bounds.document(&format!("an unknown name of {name}"), &format!("{{\"{text}\":1}}"));
        bounds.document(
            &format!("a name of a group: {name}"),
            &format!("{{\"keys\":{{\"{text}\":1}}}}"),
        );
        bounds.document(&format!("an unknown text of {name}"), &format!("{{\"x\":\"{text}\"}}"));
        for row in auth::options::OPTIONS {
            let json = format!("{{\"{}\":\"{text}\"}}", row.key);
            bounds.document(&format!("{} of {name}", row.key), &json);
            let json = format!("{{\"{}\":[\"{text}\"]}}", row.key);
            bounds.document(&format!("{} of one item of {name}", row.key), &json);
        }
    }
    let number = "1".repeat(HALF_A_MEGABYTE);
    bounds.document("a number of 500000 digits", &format!("{{\"keys.ttl\":{number}}}"));
}

#[test]
fn a_document_that_is_deep_or_none() {
    let mut bounds = Bounds::default();
    for (name, text) in [
        ("brackets", "[".repeat(HALF_A_MEGABYTE)),
        ("braces", "{\"keys\":".repeat(HALF_A_MEGABYTE / 8)),
        ("brackets of an option", format!("{{\"audience\":{}", "[".repeat(HALF_A_MEGABYTE))),
        ("letters", "a".repeat(HALF_A_MEGABYTE)),
        ("blanks", " ".repeat(HALF_A_MEGABYTE)),
        ("NULs", "\0".repeat(HALF_A_MEGABYTE)),
        ("more than 1 MiB", format!("{{\"audience\":\"{}\"}}", "a".repeat(1 << 20))),
        ("names on every level", levels(31, 500).replacen(',', "{", 1) + "}"),
    ] {
        bounds.document(name, &text);
    }
    let handle = Handle::local(&[]);
    let rubbish = vec![0xff; 1_000_000];
    let (_, used) = used(|| load(handle.config(), &rubbish, ptr::null_mut(), 0));
    bounds.judge("bytes that are no text", rubbish.len(), &used);
}

/// What a handle holds already is not copied for each small document.
#[test]
fn a_small_document_costs_little_whatever_the_handle_holds() {
    let list: Vec<String> = (0..128).map(|n| format!("{n:0>1000}")).collect();
    let handle = Handle::local(&[("audience", &list.join(" "))]);
    let json = br#"{"claims":{"leeway":"5s"}}"#;
    let (status, used) = used(|| load(handle.config(), json, ptr::null_mut(), 0));
    println!("a small document: {used:?}");
    assert!(status == Status::OK && used.peak < SMALL, "{used:?}");
}

#[test]
fn keys_as_pem() {
    let mut bounds = Bounds::default();
    let good = pem();
    let empty = "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n";
    let huge =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", "A".repeat(400_000));
    let lines = "-----BEGIN PUBLIC KEY-----\n".to_owned() + &"A\n".repeat(200_000);
    for (name, text) in [
        ("good keys", good.repeat(3_000)),
        ("keys that cannot be used", good.clone() + &empty.repeat(5_000)),
        ("one huge key", good.clone() + &huge),
        ("lines without an end", good.clone() + &lines),
        ("beginnings", "-----BEGIN ".repeat(40_000)),
        ("beginnings on lines", "-----BEGIN PUBLIC KEY-----\n".repeat(15_000)),
        ("ends", "-----END PUBLIC KEY-----\n".repeat(15_000)),
        ("text around a key", "x".repeat(400_000) + "\n" + &good),
        ("lines around a key", "x\n".repeat(200_000) + &good),
    ] {
        bounds.option("keys.jwks\0", &format!("PEM: {name}"), &(text.clone() + "\0"));
        let json = serde_json::json!({"keys": {"jwks": text}}).to_string();
        bounds.document(&format!("PEM: {name}"), &json);
    }
}

// ---------------------------------------------------------------- claims of an accepted token

/// 15 kB of claims, with so many roles.
fn claims_of_roles(count: usize) -> String {
    let roles = repeated(count, |n| format!("\"{:02x}\"", n % 256));
    payload_with(&format!(r#","scope":"a b","roles":[{roles}],"realm_access":{{"roles":["z"]}}"#))
}

#[test]
fn a_further_requirement_of_many_roles() {
    let mut bounds = Bounds::default();
    let handle = Handle::local(&[]);
    let roles: Vec<String> = (0..64).map(|n| format!("role:{n:02x}")).collect();
    let any = roles.join("|");
    let claims = claims_of_roles(3_000);
    assert!(claims.len() > 15_000);
    for (text, status) in [
        ("", Status::OK),
        ("a", Status::OK),
        ("role:ff role:z", Status::OK),
        ("role:none", Status::ROLE_MISSING),
        (&any, Status::OK),
        (&roles.join(" "), Status::OK),
        ("claim:roles=ff claim:/roles/2999=b7", Status::OK),
        ("claim:roles=no", Status::CLAIM_NOT_GRANTED),
    ] {
        let ask =
            || require(handle.config(), claims.as_bytes(), text.as_bytes(), ptr::null_mut(), 0);
        let name = format!("3000 roles: {text:.20}");
        bounds.call(&name, claims.len(), &ask, status);
    }
    let object = repeated(2_000, |n| format!("\"{n:03x}\":1"));
    let escaped = r"\u0061".repeat(2_000);
    for (name, more) in [
        ("2000 names as roles", format!(r#","roles":{{{object}}}"#)),
        ("2000 claims", format!(",{object}")),
        ("one role of escapes", format!(r#","roles":["{escaped}"]"#)),
        ("a scope of escapes", format!(r#","scope":["{escaped}"]"#)),
        ("scopes of a letter", format!(r#","scope":"{}""#, "a ".repeat(6_000))),
        ("many levels", levels(30, 30)),
    ] {
        let claims = payload_with(&more);
        let ask = || require(handle.config(), claims.as_bytes(), b"role:x", ptr::null_mut(), 0);
        bounds.call(name, claims.len(), &ask, Status::ROLE_MISSING);
    }
    let text = "{\"iss\":[".repeat(2_000);
    let ask = || require(handle.config(), text.as_bytes(), b"a", ptr::null_mut(), 0);
    bounds.call("no claims", text.len(), &ask, Status::CLAIM_MALFORMED);
}

/// At most 512 bytes are read: a fixed bound, as for [`SMALL`].
#[test]
fn requirements_of_many_items() {
    let handle = Handle::local(&[]);
    let claims = payload_with("");
    let array = |item: &str| {
        let items = vec![format!("\"{item}\""); 510 / (item.len() + 3)].join(",");
        format!("[{items}]")
    };
    for text in [
        vec!["a"; 256].join(" "),
        vec!["a"; 256].join("|"),
        vec!["role:a"; 73].join(" "),
        vec!["claim:a=b"; 51].join("|"),
        array("a"),
        array("a|b"),
        array("role:a"),
        array(r"\u0061"),
        array("claim:a=b"),
    ] {
        let ask =
            || require(handle.config(), claims.as_bytes(), text.as_bytes(), ptr::null_mut(), 0);
        assert_eq!(ask() as i32 / 1_000, 6, "{text}");
        let (_, used) = used(ask);
        println!("requirement {text:.20}: {used:?}");
        assert!(used.peak <= 24 * 1024 && used.held == 0, "{text}: {used:?}");
    }
}

#[test]
fn a_claim_as_text() {
    let mut bounds = Bounds::default();
    let escaped = r"\u0061".repeat(2_000);
    let object = repeated(2_000, |n| format!("\"{n:03x}\":1"));
    for (name, more, path) in [
        (
            "3000 roles",
            claims_of_roles(3_000)[1..].trim_end_matches('}').to_owned(),
            c"/roles/2999",
        ),
        ("2000 claims", object.clone(), c"7cf"),
        ("an absent claim", object.clone(), c"a.b.c.d.e.f.g.h"),
        ("a text of escapes", format!(r#""a":"{escaped}""#), c"a"),
        ("names of escapes", format!(r#""{escaped}":1,"a":1"#), c"a"),
        ("brackets", format!(r#""a":{}1{}"#, "[".repeat(7_000), "]".repeat(7_000)), c"a"),
        ("open brackets", format!(r#""a":{}"#, "[".repeat(15_000)), c"a.0.0"),
    ] {
        let claims = format!("{{{more}}}");
        let (start, length) = (chars(claims.as_bytes()), claims.len());
        let mut room = vec![0; claims.len() + 1];
        let out = room.as_mut_ptr().cast();
        let (_, used) = used(|| unsafe { auth_claim(start, length, path.as_ptr(), out, length) });
        bounds.judge(&format!("auth_claim: {name}"), length, &used);
        assert_eq!(used.held, 0, "{name}");
    }
    let path = [vec![b'a'; 1_000_000], vec![0]].concat();
    let ask = || unsafe { auth_claim(chars(b"{}"), 2, chars(&path), ptr::null_mut(), 0) };
    let (length, used) = used(ask);
    assert_eq!((length, used.peak), (usize::MAX, 0), "no copy of a path that is too long");
}
