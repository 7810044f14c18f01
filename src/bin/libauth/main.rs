//! The program `libauth`: one subcommand, one module.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

// The engine serves the tests as well, which use more of it than the program does.
#[allow(dead_code, unused_imports)]
mod issuer;

mod abi;
mod api;
mod demo;

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use clap::{Args, Parser, Subcommand};
use issuer::{EXAMPLE_AUDIENCE, Issuer};

/// The provider, here the one we should have been, is not there.
const EXIT_PROVIDER: u8 = 3;

/// OAuth 2.0 bearer tokens, verified
#[derive(Parser)]
#[command(name = "libauth", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(DemoArgs),
    Issuer(IssuerArgs),
}

/// Show what libauth answers: a provider and an API on loopback, and one table of verdicts
#[derive(Args)]
struct DemoArgs {
    /// Stay up, and print the curl lines to try it with
    #[arg(long)]
    serve: bool,
}

/// Run a local OpenID provider, for development and tests
///
/// It listens on 127.0.0.1 alone and signs any token for anybody who asks, with keys that are
/// new at each start. GET / lists its endpoints.
#[derive(Args)]
struct IssuerArgs {
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 9090)]
    port: u16,
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(args) => demo::run(args.serve).unwrap_or_else(|error| {
            say(anstream::stderr(), &format!("libauth demo: {error}"));
            ExitCode::from(EXIT_PROVIDER)
        }),
        Command::Issuer(args) => run_issuer(&args),
    }
}

/// Until Ctrl-C.
fn run_issuer(args: &IssuerArgs) -> ExitCode {
    let issuer = match Issuer::start(args.port) {
        Ok(issuer) => issuer,
        Err(error) => {
            say(anstream::stderr(), &start_failure(args.port, &error));
            return ExitCode::from(EXIT_PROVIDER);
        }
    };
    say(anstream::stdout(), &greeting(&issuer.url()));
    loop {
        thread::park();
    }
}

fn start_failure(port: u16, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "libauth issuer: port {port} of 127.0.0.1 is in use; choose another with --port, \
             or --port 0 for any free one"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "libauth issuer: this user may not listen on port {port}; choose one above 1023 \
             with --port"
        ),
        _ => format!("libauth issuer: cannot listen on port {port} of 127.0.0.1: {error}"),
    }
}

fn greeting(url: &str) -> String {
    format!(
        "For development and tests only: it signs any token for anybody on this machine.\n\
         issuer    {url}\n\
         audience  {EXAMPLE_AUDIENCE}\n\
         token     curl -s -d grant_type=client_credentials -d audience={EXAMPLE_AUDIENCE} \
         -d scope=orders:read {url}/token"
    )
}

/// Flushed, for a script that reads a pipe. A reader that has gone away is no reason to end.
fn say(mut to: impl Write, text: &str) {
    let _ = writeln!(to, "{text}").and_then(|()| to.flush());
}
