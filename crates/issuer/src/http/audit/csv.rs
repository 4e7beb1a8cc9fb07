//! Events as CSV (RFC 4180).

use super::{EventView, Outcome};

/// The first line.
pub(super) const HEAD: &str = "sequence,at,organization,workspace,actor_kind,actor_id,actor_name,action,\
    target_kind,target_id,outcome,code,detail,request_id,address\r\n";

/// Adds an event's line.
pub(super) fn write(event: &EventView, text: &mut String) {
    let outcome = if event.outcome == Outcome::Done { "done" } else { "refused" };
    let fields = [
        event.sequence.to_string(),
        event.at.to_string(),
        event.organization.map(|id| id.to_string()).unwrap_or_default(),
        event.workspace.map(|id| id.to_string()).unwrap_or_default(),
        event.actor.kind.to_owned(),
        event.actor.id.clone().unwrap_or_default(),
        event.actor.name.clone(),
        event.action.to_owned(),
        event.target.kind.to_owned(),
        event.target.id.clone().unwrap_or_default(),
        outcome.to_owned(),
        event.code.unwrap_or_default().to_owned(),
        serde_json::Value::Object(event.detail.clone()).to_string(),
        event.request_id.clone().unwrap_or_default(),
        event.address.clone().unwrap_or_default(),
    ];
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        write_field(field, text);
    }
    text.push_str("\r\n");
}

fn write_field(field: &str, text: &mut String) {
    // What a spreadsheet would compute: a member chooses the own name, and another one opens the file.
    let guard = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if field.contains([',', '"', '\r', '\n']) {
        text.extend(["\"", guard, &field.replace('"', "\"\""), "\""]);
    } else {
        text.extend([guard, field]);
    }
}

#[cfg(test)]
mod tests {
    use super::write_field;

    #[test]
    fn a_field_is_quoted_where_it_must_be_and_never_a_formula() {
        for (field, expected) in [
            ("", ""),
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("=1+1", "'=1+1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("\ta", "'\ta"),
            ("\ra", "\"'\ra\""),
            ("a=1", "a=1"),
        ] {
            let mut text = String::new();
            write_field(field, &mut text);
            assert_eq!(text, expected, "{field:?}");
        }
    }
}
