//! Every language's verification beside the bare primitive: each row is a process that measures a
//! short window when it is told, in turns; the minimum of each over many rounds and several
//! processes. README.md has the protocol. Called by `run`, which writes a line `LANGUAGE ROW
//! COMMAND...`, parted by tabs, for each row to the standard input, and gives an empty folder.

use std::fs;
use std::hint::black_box;
use std::io::stdin;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::ParsedPublicKey;
use common::{Key, Token, keys, usual_claims};
use serde_json::{Value, json};

use crate::provider::Provider;
use crate::runner::Runner;

#[path = "../common/mod.rs"]
mod common;
mod provider;
mod runner;

const AUDIENCE: &str = "https://api.example";
const TOKENS: usize = 64;

struct Case {
    algorithm: &'static str,
    tokens: Vec<Token>,
    primitive: ParsedPublicKey,
}

/// A row of the table, and its minimum for each algorithm; infinite where there is none.
struct Row {
    language: String,
    name: String,
    command: Vec<String>,
    label: String,
    best: Vec<f64>,
}

fn main() -> ExitCode {
    // cargo adds an argument of its own.
    let Some(folder) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        println!("bindings: start benches/bindings/run, which builds what is measured");
        return ExitCode::SUCCESS;
    };
    let folder = Path::new(&folder);
    let provider = Provider::start();
    let keys = keys();
    provider.publish(json!({ "keys": keys.each_ref().map(|key| key.jwk.clone()) }).to_string());
    write_refused(folder, &provider.issuer, &keys);
    let cases = keys.map(|key| case(key, &provider.issuer));
    write(folder, &provider, &cases);

    let mut rows = rows();
    let mut primitive = Primitive { best: vec![f64::INFINITY; cases.len()], rounds: Vec::new() };
    let mut failed = false;
    // How a process happens to lie in memory makes a difference of a hundredth.
    for _ in 0..setting("PROCESSES", 4) {
        let mut runners = Vec::new();
        rows.retain_mut(|row| match Runner::start(&row.command, &row.name, folder) {
            Ok(runner) => {
                row.label.clone_from(&runner.label);
                runners.push(runner);
                true
            }
            Err(reason) => {
                println!("ERROR: {}, {} is left out: {reason}", row.language, row.name);
                failed = true;
                false
            }
        });
        let window = Duration::from_millis(setting("WINDOW_MS", 50));
        for _ in 0..setting("ROUNDS", 20) {
            round(&cases, &mut primitive, &mut rows, &mut runners, window);
        }
    }
    print(&cases, &primitive, &rows);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

// ---------------------------------------------------------------- what is measured

/// Of one length, and no two alike.
fn claims(issuer: &str, number: usize) -> Value {
    let mut claims = usual_claims(issuer);
    claims["jti"] = json!(format!("trrtcc:104f9c8d-5d3f-4b0e-{number:04}"));
    claims["sub"] = json!(format!("d37b1c61-7a0c-4f6e-9d55-0c1b2a3f{number:04}"));
    claims
}

fn case(key: Key, issuer: &str) -> Case {
    let tokens = (0..TOKENS).map(|number| key.token(&claims(issuer, number))).collect();
    Case { algorithm: key.algorithm, tokens, primitive: key.public }
}

fn write(folder: &Path, provider: &Provider, cases: &[Case]) {
    fs::write(folder.join("issuer"), &provider.issuer).unwrap();
    fs::write(folder.join("audience"), AUDIENCE).unwrap();
    fs::write(folder.join("jwks.json"), provider.keys()).unwrap();
    for case in cases {
        let lines: String = case.tokens.iter().map(|token| format!("{}\n", token.text)).collect();
        fs::write(folder.join(case.algorithm), lines).unwrap();
    }
}

/// Of each algorithm: another audience, another issuer, expired, and a signature by another token.
fn write_refused(folder: &Path, issuer: &str, keys: &[Key]) {
    let mut lines = String::new();
    for key in keys {
        for (claim, value) in [
            ("aud", json!("https://other.example")),
            ("iss", json!("https://other.example")),
            ("exp", json!(1700000001)),
        ] {
            let mut claims = claims(issuer, 0);
            claims[claim] = value;
            lines += &(key.token(&claims).text + "\n");
        }
        let [one, other] = [0, 1].map(|number| key.token(&claims(issuer, number)));
        let message = &one.text[..=one.message];
        lines += &format!("{message}{}\n", &other.text[other.message + 1..]);
    }
    fs::write(folder.join("refused"), lines).unwrap();
}

fn rows() -> Vec<Row> {
    let row = |line: String| {
        let mut words = line.split('\t').map(str::to_owned);
        let mut word = || words.next().unwrap_or_else(|| panic!("{line}: too short"));
        let (language, name) = (word(), word());
        let best = vec![f64::INFINITY; 3];
        Row { language, name, command: words.collect(), label: String::new(), best }
    };
    stdin().lines().map(|line| row(line.unwrap())).collect()
}

// ---------------------------------------------------------------- measuring

/// The minimum for each algorithm, and every window of the first, to see how quiet it was.
struct Primitive {
    best: Vec<f64>,
    rounds: Vec<f64>,
}

fn round(
    cases: &[Case],
    primitive: &mut Primitive,
    rows: &mut [Row],
    runners: &mut [Runner],
    window: Duration,
) {
    for (place, case) in cases.iter().enumerate() {
        let bare = case.window(window);
        primitive.best[place] = primitive.best[place].min(bare);
        if place == 0 {
            primitive.rounds.push(bare);
        }
        for (row, runner) in rows.iter_mut().zip(&mut *runners) {
            row.best[place] = row.best[place].min(runner.window(case.algorithm, window));
        }
    }
}

impl Case {
    /// Nanoseconds a signature check, as each row measures a verification.
    fn window(&self, time: Duration) -> f64 {
        self.pass();
        let (began, mut passes) = (Instant::now(), 0);
        while began.elapsed() < time {
            self.pass();
            passes += 1;
        }
        began.elapsed().as_nanos() as f64 / (passes * TOKENS) as f64
    }

    fn pass(&self) {
        for token in &self.tokens {
            let message = black_box(&token.text.as_bytes()[..token.message]);
            self.primitive.verify_sig(message, &token.signature).unwrap();
        }
    }
}

// ---------------------------------------------------------------- the tables

fn print(cases: &[Case], primitive: &Primitive, rows: &[Row]) {
    let mut rounds = primitive.rounds.clone();
    rounds.sort_by(f64::total_cmp);
    let spread = rounds[rounds.len() / 2] / rounds[0];
    let bytes: Vec<String> = cases
        .iter()
        .map(|case| format!("{} {}", case.algorithm, case.tokens[0].text.len()))
        .collect();
    println!(
        "Bytes of a token: {}. How quiet it was: the median of the primitive's windows",
        bytes.join(", ")
    );
    println!("is {spread:.3} of their minimum.\n");

    print!("| language | library |");
    for case in cases {
        print!(" {0}, ns | {0}, primitive = 1 |", case.algorithm);
    }
    println!("\n| --- | --- |{}", " --- |".repeat(2 * cases.len()));
    let line = |language: &str, label: &str, best: &[f64]| {
        print!("| {language} | {label} |");
        for (best, primitive) in best.iter().zip(&primitive.best) {
            match best.is_finite() {
                true => print!(" {best:.0} | {:.3} |", best / primitive),
                false => print!(" - | - |"),
            }
        }
        println!();
    };
    line("-", "the primitive, aws-lc", &primitive.best);
    for row in rows {
        line(&row.language, &row.label, &row.best);
    }
    print_over_c(cases, primitive, rows);
}

/// What counts for a binding.
fn print_over_c(cases: &[Case], primitive: &Primitive, rows: &[Row]) {
    let Some((c, others)) = rows.split_first().filter(|(first, _)| first.language == "C") else {
        return;
    };
    let algorithms: Vec<&str> = cases.iter().map(|case| case.algorithm).collect();
    println!("\nThe ratio over that of C, and nanoseconds over C:\n");
    println!("| language | library | {} |", algorithms.join(" | "));
    println!("| --- | --- |{}", " --- |".repeat(cases.len()));
    for row in others.iter().filter(|row| row.label.starts_with("libauth")) {
        print!("| {} | {} |", row.language, row.label);
        for (place, primitive) in primitive.best.iter().enumerate() {
            let more = row.best[place] - c.best[place];
            print!(" {:+.3}, {more:+.0} |", more / primitive);
        }
        println!();
    }
}
