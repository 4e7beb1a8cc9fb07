//! `doorkey audit verify`.

use anyhow::bail;
use doorkey_issuer::AuditHead;

use crate::{Global, output, registry};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// An end that an earlier run printed and that was kept elsewhere: it must still be there, so that nothing before it
    /// was taken away
    #[arg(long, value_name = "END")]
    expect: Option<AuditHead>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<()> {
    let verified = registry::open(global, None).await?.verify_audit(arguments.expect).await?;
    let (sound, head, fault) = match &verified {
        Ok(head) => (true, Some(head), None),
        Err(fault) => (false, None, Some(fault)),
    };
    if arguments.json {
        let line = serde_json::json!({
            "sound": sound,
            "events": head.map(|head| head.sequence),
            "end": head.map(ToString::to_string),
            "fault": fault.map(|fault| serde_json::json!({ "sequence": fault.sequence, "detail": fault.detail })),
        });
        output::data(&format!("{line}\n"))?;
    } else if let Some(head) = head {
        output::data(&format!("{head}\n"))?;
        output::say(&format!("{} events, each as it was written; keep the end above somewhere else", head.sequence));
    }
    match fault {
        None => Ok(()),
        Some(fault) => bail!("event {} was {}", fault.sequence, fault.detail),
    }
}
