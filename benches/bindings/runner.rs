//! A row of the table as a process: README.md has what is said.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

pub struct Runner {
    pub label: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Runner {
    /// Comes back when the program has seen that its verdicts are right.
    pub fn start(command: &[String], row: &str, folder: &Path) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or("there is no command")?;
        let mut child = Command::new(program)
            .args(arguments)
            .arg(row)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| format!("{program}: {why}"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut runner = Self { label: String::new(), child, input, output };
        let line = runner.line()?;
        let label = line.strip_prefix("ready ").ok_or(format!("it said: {line}"))?;
        runner.label = label.to_owned();
        Ok(runner)
    }

    fn line(&mut self) -> Result<String, String> {
        match self.output.next() {
            Some(line) => line.map_err(|why| why.to_string()),
            None => Err("it ended".to_owned()),
        }
    }

    /// Nanoseconds a verification; infinite where the library does not have the algorithm.
    pub fn window(&mut self, algorithm: &str, time: Duration) -> f64 {
        writeln!(self.input.as_ref().unwrap(), "{algorithm} {}", time.as_millis()).unwrap();
        let line = self.line().unwrap_or_else(|why| panic!("{}: {why}", self.label));
        if line == "-" {
            return f64::INFINITY;
        }
        match line.parse() {
            Ok(figure) if figure > 0.0 => figure,
            _ => panic!("{}: it said: {line}", self.label),
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
