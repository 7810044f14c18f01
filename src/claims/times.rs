//! `exp`, `nbf`, `iat` and the age (RFC 7519 4.1.4 to 4.1.6).

use super::malformed;
use crate::config::Rules;
use crate::json::Field;
use crate::status::Status;
use crate::token::Payload;
use crate::verdict::Refusal;

/// The end of year 9999: beyond it milliseconds were meant, or nonsense.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// `exp`, `nbf` and `iat`, in whole seconds, rounded to the side that refuses.
pub struct Times {
    pub exp: i64,
    nbf: Option<i64>,
    /// Rounded down for the age, up for the future.
    iat: Option<(i64, i64)>,
}

impl Times {
    pub fn read(payload: &Payload) -> Result<Times, Refusal> {
        let exp = time(&payload.exp, "exp")?.unwrap_or(0.0);
        let nbf = time(&payload.nbf, "nbf")?;
        let iat = time(&payload.iat, "iat")?;
        Ok(Times {
            exp: whole(exp.floor()),
            nbf: nbf.map(|nbf| whole(nbf.ceil())),
            iat: iat.map(|iat| (whole(iat.floor()), whole(iat.ceil()))),
        })
    }

    pub fn check(&self, rules: &Rules, now: i64) -> Result<(), Refusal> {
        let (exp, leeway_s) = (self.exp, rules.leeway_s);
        if now >= exp.saturating_add(leeway_s) {
            let ago = now.saturating_sub(exp);
            let log = format!("exp {exp} passed {ago} s ago; now {now}, leeway {leeway_s} s");
            return Err(Refusal::new(Status::TOKEN_EXPIRED, log));
        }
        // An age can be judged only of what lies behind (a future `iat` would defeat the limit).
        let max_age = rules.max_age_s.zip(self.iat);
        let ahead = [("nbf", self.nbf), ("iat", max_age.map(|(_, (_, iat))| iat))];
        for (name, at) in ahead {
            if let Some(at) = at.filter(|at| now < at.saturating_sub(leeway_s)) {
                let by = at.saturating_sub(now);
                let log = format!("{name} {at} is {by} s ahead; now {now}, leeway {leeway_s} s");
                return Err(Refusal::new(Status::TOKEN_NOT_YET_VALID, log));
            }
        }
        let age = |iat: i64| now.saturating_sub(iat);
        if let Some((max_age_s, (iat, _))) = max_age
            && age(iat) > max_age_s.saturating_add(leeway_s)
        {
            let age = age(iat);
            let log =
                format!("issued {age} s ago; claims.max_age {max_age_s} s, leeway {leeway_s} s");
            return Err(Refusal::new(Status::TOKEN_TOO_OLD, log));
        }
        Ok(())
    }
}

/// A NumericDate (RFC 7519 2): a number from 1970 to 9999.
fn time(field: &Field, name: &str) -> Result<Option<f64>, Refusal> {
    match field {
        Field::Absent => Ok(None),
        Field::Number(seconds) if (0.0..=LAST_SECOND).contains(seconds) => Ok(Some(*seconds)),
        Field::Number(seconds) if (LAST_SECOND..1e15).contains(seconds) => {
            Err(malformed(format!("{name} {seconds} looks like milliseconds; it must be seconds")))
        }
        Field::Number(seconds) => {
            Err(malformed(format!("{name} {seconds:e} is not a time from 1970 to 9999")))
        }
        _ => Err(malformed(format!("{name} is not a number"))),
    }
}

/// Within the range that `time` let pass, so nothing is lost.
fn whole(seconds: f64) -> i64 {
    seconds as i64
}
