//! The report as Prometheus text, format 0.0.4. Labels come from the configuration alone: nothing
//! that a token or a provider says can make a series more.

use std::fmt::{Display, Write as _};

use super::{KeysState, Outcome, Report};

pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let help = "Decisions by issuer and status; no issuer: refused before it was known as trusted.";
    let mut family = Family::new(&mut out, "libauth_verifications_total", "counter", help);
    for decided in &report.decisions {
        let issuer = decided.issuer.as_deref().unwrap_or_default();
        let labels = [("issuer", issuer), ("status", decided.status.row().name)];
        family.sample(&labels, &decided.count);
    }

    let help = "Fetches of the key set by how they ended.";
    let mut family = Family::new(&mut out, "libauth_jwks_fetches_total", "counter", help);
    for issuer in &report.issuers {
        for outcome in Outcome::ALL {
            let labels = [("issuer", issuer.issuer.as_str()), ("outcome", outcome.name())];
            family.sample(&labels, &issuer.fetches_that_ended(*outcome));
        }
    }

    for gauge in GAUGES {
        let mut family = Family::new(&mut out, gauge.name, "gauge", gauge.help);
        for issuer in &report.issuers {
            if let Some(value) = (gauge.value)(issuer) {
                family.sample(&[("issuer", issuer.issuer.as_str())], &value);
            }
        }
    }
    out
}

struct Gauge {
    name: &'static str,
    help: &'static str,
    /// None: unknown, and no sample.
    value: fn(&super::IssuerReport) -> Option<i64>,
}

static GAUGES: &[Gauge] = &[
    Gauge {
        name: "libauth_jwks_age_seconds",
        help: "Time since the held keys were fetched or confirmed.",
        value: |issuer| issuer.age_s.map(signed),
    },
    Gauge {
        name: "libauth_jwks_stale",
        help: "1: the held keys are older than keys.ttl, and the last fetch failed.",
        value: |issuer| match issuer.state {
            KeysState::None_ => None,
            KeysState::Fresh | KeysState::Local => Some(0),
            // Without a token nobody asks for new ones: that is no trouble.
            KeysState::Stale | KeysState::Expired => Some(i64::from(issuer.last_error.is_some())),
        },
    },
    Gauge {
        name: "libauth_jwks_keys",
        help: "Keys that are held and can verify.",
        value: |issuer| Some(signed(issuer.key_count as u64)),
    },
    Gauge {
        name: "libauth_clock_offset_seconds",
        help: "The provider's clock minus ours.",
        value: |issuer| issuer.clock_offset_s,
    },
];

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Writes its head before its first sample; without one it is left out.
struct Family<'o> {
    out: &'o mut String,
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    begun: bool,
}

impl Family<'_> {
    fn new<'o>(
        out: &'o mut String,
        name: &'static str,
        kind: &'static str,
        help: &'static str,
    ) -> Family<'o> {
        Family { out, name, kind, help, begun: false }
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: &dyn Display) {
        let Family { out, name, kind, help, .. } = self;
        // Writing to a String cannot fail.
        if !self.begun {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            self.begun = true;
        }
        out.push_str(name);
        let mut before = '{';
        for (label, text) in labels {
            out.push(before);
            out.push_str(label);
            out.push_str("=\"");
            escape(out, text);
            out.push('"');
            before = ',';
        }
        let _ = writeln!(out, "}} {value}");
    }
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            _ => out.push(character),
        }
    }
}
