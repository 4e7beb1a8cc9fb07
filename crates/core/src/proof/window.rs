use crate::error::{Error, ErrorCode};

/// From when to when a signature is good, in Unix seconds, the end excluded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) created: u64,
    pub(crate) expires: u64,
}

impl Window {
    /// Checks the times against the clock, `skew` seconds either way; a window has at most `longest` seconds.
    ///
    /// Fails with [`ErrorCode::WindowInvalid`].
    pub(crate) fn check(self, now: u64, skew: u64, longest: u64) -> Result<(), Error> {
        match self.expires.checked_sub(self.created) {
            None | Some(0) => return Err(invalid("the signature expires before it begins")),
            Some(length) if length > longest => {
                let detail = alloc::format!("the signature is valid for more than {longest} seconds");
                return Err(Error::new(ErrorCode::WindowInvalid, detail));
            }
            Some(_) => {}
        }
        if self.created > now.saturating_add(skew) {
            return Err(invalid("the signature was created in the future"));
        }
        if self.expires.saturating_add(skew) <= now {
            return Err(invalid("the signature has expired"));
        }
        Ok(())
    }
}

fn invalid(detail: &'static str) -> Error {
    Error::new(ErrorCode::WindowInvalid, detail)
}
