//! docs/security.md, read as data: every rule, and what holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use auth::options::OPTIONS;
use auth::status::STATUSES;

use super::format::{Case, File};

/// Rules, and beside them those of the order in which they are judged.
const ROWS: usize = 229;
const ORDER_ROWS: usize = 6;
const REPAIR: &str = "UPDATE=1 cargo test --test vectors security";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> PathBuf {
    root().join("docs/security.md")
}

struct Row<'p> {
    id: &'p str,
    status: &'p str,
    /// In backticks: files of vectors, and tests. Behind them what comes later.
    held_by: &'p str,
}

impl<'p> Row<'p> {
    /// id | attack → decision | RFC | who fell | status | test
    fn read(line: &'p str) -> Option<Row<'p>> {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let [id, _, _, _, status, held_by] = cells[..] else { return None };
        id.contains('.').then_some(Row { id, status, held_by })
    }

    fn tests(&self) -> Vec<&'p str> {
        let quoted = self.held_by.split('`').skip(1).step_by(2);
        quoted.filter(|text| text.contains("::") || text.starts_with("tests/c/")).collect()
    }

    /// The statuses that are named.
    fn statuses(&self) -> BTreeSet<&'p str> {
        self.status.split(" / ").filter(|status| *status != "-").collect()
    }
}

/// The cases of each row, and the files they stand in.
#[derive(Default)]
struct Covered {
    files: BTreeSet<String>,
    statuses: BTreeSet<String>,
}

fn covered(files: &[(String, File)]) -> BTreeMap<String, Covered> {
    let mut rows: BTreeMap<String, Covered> = BTreeMap::new();
    for (name, file) in files {
        for case in &file.cases {
            let row = rows.entry(case.id.split('/').next().unwrap().to_owned()).or_default();
            row.files.insert(name.trim_end_matches(".json").to_owned());
            row.statuses.insert(case.expect.status.clone());
        }
    }
    rows
}

fn later() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("tests/vectors/LATER")).unwrap();
    let lines = text.lines().map(|line| line.split_once("  ").expect("id  what brings it"));
    lines.map(|(row, what)| (row.to_owned(), what.to_owned())).collect()
}

/// `tests/abi/record.rs::name_of_the_test`, one of another language by its name or title there, or
/// a C program or script that `make test` runs.
fn test_is_there(test: &str) -> bool {
    let Some((file, name)) = test.split_once("::") else {
        let run = fs::read_to_string(root().join("tests/c/run.sh")).unwrap();
        let all = fs::read_to_string(root().join("scripts/test")).unwrap();
        let runs = all.contains(test) || run.contains(test.trim_start_matches("tests/c/"));
        return runs && root().join(test).is_file();
    };
    let text = fs::read_to_string(root().join(file)).unwrap_or_default();
    let begins = match file.rsplit_once('.').unwrap_or_default().1 {
        "rs" => vec![format!("#[test]\nfn {name}("), format!("    fn {name}(")],
        "go" => vec![format!("\nfunc {name}(t *testing.T)")],
        "mjs" => vec![
            format!(" test('{name}', "),
            format!("\ntest('{name}', "),
            format!(" testWith('{name}', "),
        ],
        "cpp" => vec![format!("\nstatic void {name}() {{")],
        _ => vec![],
    };
    begins.iter().any(|begin| text.contains(begin))
}

/// Every row is there once, and is held by a case, by a test that exists, or comes later; the last
/// column says which; a status that is named is reached.
pub fn page_is_true(files: &[(String, File)]) {
    let text = fs::read_to_string(page()).unwrap();
    let (covered, later) = (covered(files), later());
    let (mut wrong, mut known, mut repaired) = (Vec::new(), BTreeSet::new(), String::new());
    for line in text.lines() {
        let Some(row) = Row::read(line) else {
            repaired.push_str(line);
            repaired.push('\n');
            continue;
        };
        let (cases, comes) = (covered.get(row.id), later.get(row.id));
        if !known.insert(row.id) {
            wrong.push(format!("{}: stands twice", row.id));
        }
        let tests = row.tests();
        let gone = tests.iter().filter(|test| !test_is_there(test));
        wrong.extend(gone.map(|test| format!("{}: there is no {test}", row.id)));
        if cases.is_none() && comes.is_none() && tests.is_empty() {
            wrong.push(format!("{}: no case, no test, and not in LATER", row.id));
        }
        let held_by = cases.iter().flat_map(|row| &row.files).map(|file| format!("`{file}`"));
        let held_by = held_by.chain(tests.iter().map(|test| format!("`{test}`")));
        let held_by: Vec<String> =
            held_by.chain(comes.map(|what| format!("later: {what}"))).collect();
        let held_by = if held_by.is_empty() { "-".to_owned() } else { held_by.join(", ") };
        let before = line.strip_suffix(&format!("{} |", row.held_by)).unwrap();
        repaired.push_str(&format!("{before}{held_by} |\n"));
        wrong.extend(statuses_of(&row, cases, tests.is_empty() && comes.is_none()));
    }
    let order = known.iter().filter(|row| row.starts_with("order.")).count();
    assert_eq!((known.len() - order, order), (ROWS, ORDER_ROWS), "rows of docs/security.md");
    let strangers = covered.keys().chain(later.keys()).filter(|row| !known.contains(row.as_str()));
    wrong.extend(strangers.map(|row| format!("{row}: no such row in docs/security.md")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if repaired != text {
        let update = std::env::var_os("UPDATE").is_some();
        assert!(update, "the last column of docs/security.md is stale; run: {REPAIR}");
        fs::write(page(), repaired).unwrap();
    }
}

/// Statuses of the table, and where cases alone hold the row, each is what a case expects.
fn statuses_of(row: &Row, cases: Option<&Covered>, cases_alone: bool) -> Vec<String> {
    let named = row.statuses();
    let is_one = |name: &&str| STATUSES.iter().any(|status| status.row().name == *name);
    let strange = named.iter().filter(|name| !is_one(name));
    let mut wrong: Vec<String> =
        strange.map(|name| format!("{}: {name} is no status", row.id)).collect();
    if let Some(cases) = cases.filter(|_| cases_alone) {
        let missed = named.iter().filter(|name| !cases.statuses.contains(**name));
        wrong.extend(missed.map(|name| format!("{}: no case expects {name}", row.id)));
    }
    wrong
}

/// Every status is what a case expects, or names its test on the page: never both.
pub fn every_status_is_reached(files: &[(String, File)]) {
    let reached: BTreeSet<&str> =
        cases(files).map(|(_, case)| case.expect.status.as_str()).collect();
    let text = fs::read_to_string(page()).unwrap();
    let (_, table) = text.split_once("\n## Statuses that no token causes\n").unwrap();
    let named: BTreeMap<&str, &str> =
        table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | ")).collect();
    let mut wrong = Vec::new();
    for row in STATUSES.iter().map(|status| status.row()) {
        match (reached.contains(row.name), named.get(row.name)) {
            (true, None) => {}
            (true, Some(_)) => wrong.push(format!("{}: cases expect it, too", row.name)),
            (false, None) => wrong.push(format!("{}: no case expects it, no test", row.name)),
            (false, Some(test)) => {
                let test = test.trim_matches([' ', '|', '`']);
                if !test_is_there(test) {
                    wrong.push(format!("{}: there is no {test}", row.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Options that name a file: a case goes to every machine, and no file does. The tests that set
/// them where all is well.
const OF_FILES: [(&str, &str); 3] = [
    ("keys.ca_file", "tests/tls.rs::an_authority_of_ca_file_is_trusted"),
    ("keys.file", "tests/lifecycle/file.rs::jwks_and_pem_are_read_and_nobody_is_asked"),
    ("keys.snapshot", "tests/restart.rs::a_second_process_starts_without_the_provider"),
];

/// Every option is set where all is well, and where something is refused.
pub fn every_option_is_set(files: &[(String, File)]) {
    let mut wrong = Vec::new();
    for option in OPTIONS {
        let sets = |(file, case): &(&File, &Case)| {
            let keys = [&file.options, &case.options, &case.set];
            keys.iter().any(|options| options.contains_key(option.key))
        };
        let mut setting: BTreeSet<bool> =
            cases(files).filter(sets).map(|(_, case)| case.expect.status == "OK").collect();
        if let Some((_, test)) = OF_FILES.iter().find(|(key, _)| *key == option.key) {
            assert!(!setting.contains(&true), "{}: a case can have it", option.key);
            assert!(test_is_there(test), "there is no {test}");
            setting.insert(true);
        }
        for good in [true, false].iter().filter(|good| !setting.contains(good)) {
            let what = if *good { "accepted" } else { "refused" };
            wrong.push(format!("{}: no case that is {what} sets it", option.key));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cases(files: &[(String, File)]) -> impl Iterator<Item = (&File, &Case)> {
    files.iter().flat_map(|(_, file)| file.cases.iter().map(move |case| (file, case)))
}
