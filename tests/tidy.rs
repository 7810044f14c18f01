//! Rules of style and safety that a test can hold: it reads the sources of the checkout. A failure
//! names file and line.

use std::fs;
use std::path::{Path, PathBuf};

use auth::options::OPTIONS;
use auth::status::{STATUSES, Status};

const LINE_MAX_CHARS: usize = 100;
const FUNCTION_MAX_LINES: usize = 70;
const FILE_MAX_LINES: usize = 450;
const HEADER_MAX_LINES: usize = 300;

/// `unsafe` may stand here: the exported functions, the record, the operating system, and the
/// program's one caller of the exported functions.
const UNSAFE_FILES: [&str; 8] = [
    "src/ffi/config.rs",
    "src/ffi/judge.rs",
    "src/ffi/keys.rs",
    "src/ffi/texts.rs",
    "src/call.rs",
    "src/record.rs",
    "src/os.rs",
    "src/bin/libauth/abi.rs",
];

// ---------------------------------------------------------------- reading

struct File {
    /// Relative to the checkout, with `/`.
    name: String,
    text: String,
}

impl File {
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(place, line)| (place + 1, line))
    }

    /// Without what follows `#[cfg(test)]` at the start of a line.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let comment = |line: &str| line.trim_start().starts_with("//");
        self.lines()
            .take_while(|(_, line)| *line != "#[cfg(test)]" || self.text.contains("\nmod tests;\n"))
            .filter(move |(_, line)| !comment(line))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    const SKIPPED: [&str; 8] = [
        "target",
        "node_modules",
        ".git",
        ".venv",
        "__pycache__",
        "build",
        "dist",
        "proptest-regressions",
    ];
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let name = entry.file_name();
        let kind = entry.file_type().unwrap();
        // In a second work tree `.git` is a file.
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), found);
        } else if kind.is_file() && name != ".git" {
            found.push(entry.path());
        }
    }
}

/// Every text file of the checkout but those that tools lock versions in.
fn checkout() -> Vec<File> {
    const LOCKED: [&str; 3] = ["Cargo.lock", "package-lock.json", "go.sum"];
    let mut paths = Vec::new();
    walk(root(), &mut paths);
    let named = |path: &PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let locked = LOCKED.iter().any(|locked| name.ends_with(locked));
        let text = if locked { None } else { fs::read_to_string(path).ok() };
        text.map(|text| File { name, text })
    };
    let files: Vec<File> = paths.iter().filter_map(named).collect();
    assert!(files.iter().any(|file| file.name == "src/lib.rs"), "the checkout is read");
    files
}

fn sources() -> Vec<File> {
    let in_src = |file: &File| file.name.starts_with("src/") && file.name.ends_with(".rs");
    checkout().into_iter().filter(in_src).collect()
}

/// The library without the program.
fn library() -> Vec<File> {
    let test = |name: &str| name.ends_with("/tests.rs") || name.contains("/tests/");
    let own = |file: &File| !file.name.starts_with("src/bin/") && !test(&file.name);
    sources().into_iter().filter(own).collect()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
}

#[track_caller]
fn none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

fn at(file: &File, line: usize, text: &str) -> String {
    format!("{}:{line}: {}", file.name, text.trim())
}

/// `word` with no letter, digit or `_` before it or, where it ends in one, after it.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        let goes_on = word.ends_with(part) && after.is_some_and(part);
        !before.is_some_and(part) && !goes_on
    })
}

// ---------------------------------------------------------------- lines, functions, files

#[test]
fn lines_are_at_most_100_columns() {
    let mut found = Vec::new();
    let kinds = [".rs", ".c", ".h", ".hpp", ".cpp"];
    for file in checkout().iter().filter(|file| kinds.iter().any(|k| file.name.ends_with(k))) {
        for (number, line) in file.lines() {
            let columns = line.chars().count();
            if columns > LINE_MAX_CHARS {
                found.push(format!("{}:{number}: {columns} columns", file.name));
            }
        }
    }
    none("lines longer than 100 columns", found);
}

#[test]
fn functions_of_the_library_fit_a_screen() {
    let mut found = Vec::new();
    let mut functions = 0;
    for file in sources() {
        let lines: Vec<&str> = file.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let words = ["pub", "pub(crate)", "const", "unsafe", "async", "extern", "\"C\""];
            let mut rest = code.split(' ').skip_while(|word| words.contains(word));
            if rest.next() != Some("fn") {
                continue;
            }
            functions += 1;
            let indent = &line[..line.len() - code.len()];
            let (one, end) = (format!("{indent}}}"), |line: &&str| line.ends_with('}'));
            let inside = || lines[start..].iter();
            let length = match inside().take(1).any(end) {
                true => 1,
                // rustfmt puts the closing brace below the `fn`; a declaration ends in `;`.
                false => inside()
                    .position(|line| {
                        *line == one
                            || (line.starts_with(indent)
                                && !line[indent.len()..].starts_with(' ')
                                && line.ends_with(';'))
                    })
                    .map_or(usize::MAX, |end| end + 1),
            };
            if length > FUNCTION_MAX_LINES {
                found.push(at(&file, start + 1, &format!("{length} lines: {code}")));
            }
        }
    }
    assert!(functions > 100, "functions are found: {functions}");
    none("functions longer than 70 lines", found);
}

#[test]
fn files_of_the_library_have_one_subject() {
    let long = |file: &File| {
        let lines = file.text.lines().count();
        (lines > FILE_MAX_LINES).then(|| format!("{}: {lines} lines", file.name))
    };
    none("files longer than 450 lines", sources().iter().filter_map(long).collect());
}

#[test]
fn tests_stand_at_the_end_of_a_file() {
    let mut found = Vec::new();
    for file in sources() {
        let Some((_, tests)) = file.text.split_once("\n#[cfg(test)]\n") else {
            continue;
        };
        let closed = tests.match_indices("\n}\n").map(|(place, _)| place).next();
        // In a file of their own, or closed by the end of this one.
        let whole = tests.starts_with("mod tests;\n")
            || tests.starts_with("mod tests {\n") && closed == Some(tests.len() - 3);
        if !whole {
            found.push(format!("{}: code behind `mod tests`, which no rule would see", file.name));
        }
    }
    none("code behind tests", found);
}

#[test]
fn nothing_is_left_to_do() {
    // In two parts: this file is read too.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let mut found = Vec::new();
    for file in checkout().iter().filter(|file| !file.name.starts_with("LICENSE")) {
        for (number, line) in file.lines() {
            if words.iter().any(|word| has_word(line, word)) {
                found.push(at(file, number, line));
            }
        }
    }
    none("left to do", found);
}

#[test]
fn no_file_names_a_registry_or_the_place_where_it_was_written() {
    let names = [
        concat!("registry.npm", "js.org"),
        concat!("registry.yarn", "pkg.com"),
        concat!("crates", ".io"),
        concat!("py", "pi.org"),
        concat!("files.python", "hosted.org"),
        concat!("proxy.go", "lang.org"),
        concat!("sum.go", "lang.org"),
        concat!("repo.maven", ".apache.org"),
        concat!("repo1.mav", "en.org"),
        concat!("plugins.gra", "dle.org"),
        concat!("/wo", "rk/"),
    ];
    let mut found = Vec::new();
    for file in checkout() {
        for (number, line) in file.lines() {
            if names.iter().any(|name| line.contains(name)) {
                found.push(at(&file, number, line));
            }
        }
    }
    none("names of registries or of the workplace", found);
}

// ---------------------------------------------------------------- safety

#[test]
fn unsafe_stands_in_five_files() {
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| !UNSAFE_FILES.contains(&file.name.as_str())) {
        for (number, line) in file.lines() {
            let allowed = line.contains("allow(unsafe_code)");
            if has_word(line, "unsafe") && !line.trim_start().starts_with("//") || allowed {
                found.push(at(file, number, line));
            }
        }
    }
    none("unsafe outside its files", found);
    let lib = read("src/lib.rs");
    assert!(lib.contains("#![deny(unsafe_code)]"), "src/lib.rs denies unsafe elsewhere");
}

#[test]
fn the_library_does_not_panic_or_print() {
    let words = [
        "unwrap(",
        "expect(",
        "unwrap_err(",
        "expect_err(",
        "unwrap_unchecked(",
        "panic!(",
        "todo!(",
        "unimplemented!(",
        "unreachable!(",
        "dbg!(",
        "println!(",
        "eprintln!(",
        "print!(",
        "eprint!(",
        "exit(",
        "abort(",
    ];
    let mut found = Vec::new();
    for file in library() {
        for (number, line) in file.code_lines() {
            if words.iter().any(|word| has_word(line, word)) {
                found.push(at(&file, number, line));
            }
        }
    }
    none("panics or prints", found);
}

#[test]
fn only_the_network_file_and_the_clock_file_ask_the_system() {
    let mut found = Vec::new();
    let network = ["ureq::Agent", "TcpStream", "UdpSocket", "ToSocketAddrs"];
    let clock = ["SystemTime", "Instant::now", "clock_gettime", "env::var", "env::var_os"];
    for file in library() {
        let asks_network = ["src/keys/fetch.rs", "src/keys/connect.rs"].contains(&&*file.name);
        for (number, line) in file.code_lines() {
            let has = |words: &[&str]| words.iter().any(|word| has_word(line, word));
            if !asks_network && has(&network) || file.name != "src/os.rs" && has(&clock) {
                found.push(at(&file, number, line));
            }
        }
    }
    none("asks network, clock or environment", found);
}

/// No option key, environment name or feature turns a check off: words that such a thing would
/// have, and the few lines that may have them.
#[test]
fn nothing_turns_a_check_off() {
    const WORDS: [&str; 18] = [
        "insecure",
        "skip",
        "disable",
        "bypass",
        "no_verify",
        "noverify",
        "unverified",
        "unchecked",
        "dangerous",
        "ignore_exp",
        "ignore_sig",
        "ignore_alg",
        "ignore_crit",
        "allow_none",
        "accept_any",
        "accept_invalid",
        "without_",
        "trust_",
    ];
    const ALLOWED: [(&str, &str); 8] = [
        // A name that other libraries use, and that leads to ours.
        ("src/options.rs", "\"allowInsecureRequests\""),
        // `keys.jwks_uri` takes the place of discovery.
        ("src/config/sources.rs", "the first skips discovery"),
        ("src/keys/jwks.rs", "without_leading_zeros"),
        ("src/keys/jwks.rs", "skip_while"),
        // Keys of a set that cannot be used, and why.
        ("src/report/mod.rs", "skipped: Vec<SkippedKey>"),
        ("src/report/mod.rs", "struct SkippedKey"),
        ("src/keys/health.rs", "SkippedKey"),
        ("src/keys/health.rs", "skipped:"),
    ];
    let mut found = Vec::new();
    for file in library() {
        for (number, line) in file.code_lines() {
            let small = line.to_lowercase();
            let told = WORDS.iter().any(|word| small.contains(word));
            let allowed = |(name, part): &(&str, &str)| file.name == *name && line.contains(part);
            if told && !ALLOWED.iter().any(allowed) {
                found.push(at(&file, number, line));
            }
        }
    }
    for (number, line) in read("Cargo.toml").lines().enumerate() {
        let feature = line.split(" = ").next().unwrap();
        if WORDS.iter().any(|word| feature.contains(word)) {
            found.push(format!("Cargo.toml:{}: {line}", number + 1));
        }
    }
    none("turns a check off?", found);
    for row in OPTIONS {
        let key = row.key.to_lowercase();
        assert!(!WORDS.iter().any(|word| key.contains(word)), "option {}", row.key);
    }
}

/// What verifies has public keys alone: there is nothing in it that its timing could tell.
#[test]
fn the_library_holds_no_secret() {
    let words = [
        "KeyPair",
        "EncodingKey",
        "PrivateKey",
        "private_key",
        "SecretKey",
        "from_secret",
        "hmac",
        "Hmac",
        "sign(",
        "decrypt(",
        "unseal",
    ];
    let mut found = Vec::new();
    for file in library() {
        for (number, line) in file.code_lines() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(at(&file, number, line));
            }
        }
    }
    none("signs, decrypts or holds a secret", found);
}

#[test]
fn features_are_these() {
    let text = read("Cargo.toml");
    let (_, features) = text.split_once("[features]\n").unwrap();
    let (features, _) = features.split_once("\n\n").unwrap();
    let names: Vec<&str> = features
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        names,
        ["default", "cli", "test-panic", "test-schedules"],
        "a feature more: does it weaken a check?"
    );
}

// ---------------------------------------------------------------- the interface

/// The files of the exported functions, in the order of the header.
fn exports() -> String {
    ["config", "judge", "keys", "texts"].map(|name| read(&format!("src/ffi/{name}.rs"))).concat()
}

/// Name and doc comment of every exported function, in the order of the source.
fn exported() -> Vec<(String, String)> {
    let source = exports();
    let mut functions = Vec::new();
    let mut doc = String::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            doc.push_str(text);
        } else if line.starts_with("#[") {
            continue;
        } else if let Some((_, rest)) = line.split_once("extern \"C\" fn ") {
            assert!(line.starts_with("pub "), "{line}");
            let name = rest.split('(').next().unwrap().to_owned();
            functions.push((name, std::mem::take(&mut doc)));
        } else {
            doc.clear();
        }
    }
    assert!(functions.len() >= 22);
    functions
}

#[test]
fn the_header_declares_the_exported_functions_in_order() {
    let header = read("include/auth.h");
    let mut declared = Vec::new();
    for line in header.lines().filter(|line| !line.starts_with("//") && line.contains('(')) {
        let line = line.replace("(auth_refresh)", "auth_refresh");
        let before = line.split('(').next().unwrap();
        let name = before.rsplit([' ', '*']).next().unwrap();
        let declares = !line.starts_with([' ', '#']) && !line.starts_with("static ");
        if declares && name.starts_with("auth_") {
            declared.push(name.to_owned());
        }
    }
    let exported: Vec<String> = exported().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(declared, exported);
}

#[test]
fn no_exported_function_is_called_inside() {
    let mut found = Vec::new();
    let exported = exported();
    for file in library() {
        for (number, line) in file.code_lines() {
            for (name, ..) in &exported {
                let called = has_word(line, &format!("{name}("));
                let defined = line.contains(&format!("fn {name}("));
                if called && !defined {
                    found.push(at(&file, number, line));
                }
            }
        }
    }
    none("calls an exported function: a host's own of that name could answer", found);
}

#[test]
fn every_exported_function_speaks_of_blocking_and_threads() {
    let mut found = Vec::new();
    for (name, doc) in exported() {
        let doc = doc.split("# Safety").next().unwrap().to_lowercase();
        let family = doc.contains("same as") || doc.contains(" as auth_");
        for (word, told) in [
            ("block", doc.contains("block") || family),
            ("thread", doc.contains("thread") || family),
        ] {
            if !told {
                found.push(format!("{name} does not speak of {word}"));
            }
        }
    }
    none("docs", found);
}

#[test]
fn exported_functions_are_plain_and_guarded() {
    let source = exports();
    for (name, ..) in exported() {
        let (_, body) = source.split_once(&format!("fn {name}(")).unwrap();
        let (body, _) = body.split_once("\n}\n").unwrap();
        let guarded = body.contains("guarded(") || body.contains("call.answer(");
        assert!(guarded, "{name} lets a panic out");
    }
    let exports = source.matches("#[unsafe(no_mangle)]").count();
    assert_eq!(exports, exported().len());
}

#[test]
fn the_header_is_read_in_one_sitting() {
    let lines = read("include/auth.h").lines().count();
    assert!(lines <= HEADER_MAX_LINES, "include/auth.h: {lines} lines");
}

/// 0 is OK, so a status that is taken for a truth, or not looked at, lets every refusal in.
#[test]
fn a_status_cannot_be_passed_over_in_c() {
    let header = read("include/auth.h");
    let first = header.lines().take(4).last().unwrap();
    assert!(first.contains("`if (auth_verify(...))` means REFUSED"), "include/auth.h:4: {first}");
    let warned = "#define AUTH_MUST_USE __attribute__((warn_unused_result))";
    assert!(header.contains(warned), "include/auth.h: {warned}");
    let judges = ["auth_extract_bearer", "auth_verify", "auth_authorize", "auth_require"];
    let judging = |line: &&str| judges.iter().any(|name| line.contains(&format!(" {name}")));
    let declared = header.lines().filter(|line| line.contains("auth_status auth_"));
    let declared: Vec<&str> = declared.filter(judging).collect();
    assert!(declared.len() >= judges.len(), "{declared:?}");
    for line in declared {
        assert!(line.starts_with("AUTH_MUST_USE auth_status "), "include/auth.h: {line}");
    }
}

// ---------------------------------------------------------------- the tables

#[test]
fn sentences_of_the_tables_are_whole() {
    let whole = |text: &str| {
        let first = text.chars().next();
        text.ends_with('.') && first.is_some_and(|c| !c.is_lowercase()) && !text.contains("..")
    };
    for row in STATUSES.iter().map(|status| status.row()) {
        assert!(whole(row.doc.trim()), "src/status.rs: {}: {}", row.name, row.doc);
        assert!(whole(row.message), "src/status.rs: {}: {}", row.name, row.message);
    }
    for row in OPTIONS {
        assert!(whole(row.doc.trim()), "src/options.rs: {}: {}", row.key, row.doc);
    }
}

#[test]
fn numbers_ascend_and_their_thousands_are_the_stages() {
    let mut last = -1;
    for row in STATUSES.iter().map(|status| status.row()) {
        assert!(row.number > last, "{} after {last}", row.name);
        last = row.number;
        let stage = row.number / 1000;
        let http: &[i32] = match stage {
            0 => &[200],
            1 | 2 | 4 | 5 => &[401],
            3 => &[401, 503],
            6 => &[403],
            7 => &[500],
            _ => panic!("{} has no stage", row.name),
        };
        assert!(http.contains(&row.http_status), "{}", row.name);
        assert_eq!(stage == 0, row.status == Status::OK);
    }
}

#[test]
fn codes_are_the_names_but_for_five() {
    for row in STATUSES.iter().map(|status| status.row()) {
        let code = match row.status {
            Status::OK => "ok".to_owned(),
            Status::HEADER_MISSING => "auth.authorization_header_missing".to_owned(),
            Status::HEADER_MALFORMED => "auth.authorization_token_invalid_format".to_owned(),
            Status::SCHEME_UNSUPPORTED => "auth.authorization_token_type_not_supported".to_owned(),
            Status::SCOPE_MISSING => "auth.insufficient_scope".to_owned(),
            _ => format!("auth.{}", row.name.to_lowercase()),
        };
        assert_eq!(row.code, code);
    }
}

#[test]
fn option_keys_are_unique_lower_case_and_of_a_stage() {
    let mut keys: Vec<&str> = OPTIONS.iter().map(|row| row.key).collect();
    for key in &keys {
        let stage = key.split('.').next().unwrap();
        let stages = ["issuer", "issuers", "audience", "token", "keys", "claims", "verdict"];
        assert!(stages.contains(&stage), "{key}");
        assert!(key.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_' | b'.')), "{key}");
    }
    let aliases: Vec<&str> = OPTIONS.iter().flat_map(|row| row.aliases).copied().collect();
    assert!(keys.iter().all(|key| !aliases.contains(key)), "no alias is a key");
    keys.extend(aliases);
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), all, "no alias leads to two keys");
}
