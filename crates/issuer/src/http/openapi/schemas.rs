//! How core's types look in JSON: for `#[schema(value_type = schemas::KeyId)]`.

use std::borrow::Cow;

use doorkey_core::{Id, IdKind};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ComponentsBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Makes a name for each, and its schema from an expression.
macro_rules! schemas {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)+) => {
    $(
        $(#[$doc])*
        pub(in crate::http) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::Object($schema.build()))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+

    /// Adds all of them: the document has no place for those that only parameters name.
    pub(super) fn add(components: ComponentsBuilder) -> ComponentsBuilder {
        add_problem(components)$(.schema($name::name(), $name::schema()))+
    }
    };
}

schemas! {
    /// An address.
    Email = text("An e-mail address in ASCII; case does not matter.")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
        .min_length(Some(3))
        .max_length(Some(254))
        .examples(["ada@shop.example"]);
    /// A password that somebody has.
    Password = text("A password.")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .max_length(Some(256));
    /// A password that somebody shall have.
    NewPassword = text("A password: not one character over and over, and not the e-mail address.")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .min_length(Some(12))
        .max_length(Some(256));
    /// What stands in a link.
    LinkToken = text("What stands behind `#token=` in a link.")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)));
    /// A role in an organization.
    OrganizationRole = text("`admin`, `member`, or the id of a custom role of the organization.")
        .pattern(Some("^(admin|member|rol_[0-7][0-9a-hjkmnp-tv-z]{25})$"))
        .examples(["member"]);
    /// A role in a workspace.
    WorkspaceRole = text("`editor`, `viewer`, or the id of a custom role of the organization.")
        .pattern(Some("^(editor|viewer|rol_[0-7][0-9a-hjkmnp-tv-z]{25})$"))
        .examples(["viewer"]);
    /// `key_…`.
    KeyId = doorkey_core::KeyId::schema("A key");
    /// `org_…`.
    OrganizationId = doorkey_core::OrganizationId::schema("An organization");
    /// `wsp_…`.
    WorkspaceId = doorkey_core::WorkspaceId::schema("A workspace");
    /// `usr_…`.
    MemberId = doorkey_core::MemberId::schema("A member");
    /// `rol_…`.
    RoleId = doorkey_core::RoleId::schema("A custom role");
    /// What was done.
    Action = text("What was done, or tried.")
        .enum_values(Some(crate::audit::Action::ALL.iter().map(|action| action.as_str())));
    /// A reason for a refusal.
    ErrorCode = text("A stable reason for a refusal.")
        .enum_values(Some(doorkey_core::ErrorCode::ALL.iter().map(|code| code.as_str())));
    /// `inv_…`.
    InvitationId = doorkey_core::InvitationId::schema("An invitation");
    /// `sgn_…`.
    SignInId = doorkey_core::SignInId::schema("One member's sign-in");
    /// `ses_…`.
    SessionId = doorkey_core::SessionId::schema("A browser's session");
    /// `resource:action` or `resource:action/name`.
    Scope = text("One permission: `resource:action`, or `resource:action/name` for one resource.")
        .pattern(Some("^[a-z][a-z0-9_.-]*:[a-z][a-z0-9_.-]*(/[!#-\\[\\]-~]+)?$"))
        .max_length(Some(doorkey_core::Scope::MAX_LEN))
        .examples(["pictures:read"]);
    /// An exact origin.
    Origin = text("A web origin, as a browser writes it.")
        .pattern(Some("^https?://[^/?#@*]+$"))
        .examples(["https://shop.example"]);
    /// An entry of a key's list of origins.
    OriginPattern = text("A web origin; its first label may be `*`, which stands for exactly one label.")
        .pattern(Some("^https?://(\\*\\.)?[^/?#@*]+$"))
        .examples(["https://*.shop.example"]);
    /// Live or test.
    Environment = text("Live or test data; a key belongs to exactly one.").enum_values(Some(["live", "test"]));
    /// Publishable or secret.
    KeyKind = text("`publishable` may stand in a page, `secret` stays on a server.")
        .enum_values(Some(["publishable", "secret"]));
    /// A time.
    Timestamp = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0))
        .description(Some("Unix seconds."))
        .examples([1_700_000_000_u64]);
    /// A rate.
    RateLimit = ObjectBuilder::new()
        .description(Some("So many requests in so many seconds."))
        .property("requests", whole("How many requests.").minimum(Some(1)))
        .property("period", whole("Seconds.").minimum(Some(1)).maximum(Some(86_400)))
        .required("requests")
        .required("period")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    /// What a key can be used for.
    KeyState = text("What a key can be used for: `rolling` is usable until its successor takes over.")
        .enum_values(Some(["active", "rolling", "disabled", "expired", "revoked"]));
    /// A restriction that can be in shadow.
    Restriction = text("A restriction that can be tried out first.")
        .enum_values(Some(["origins", "cidrs", "rate_limit", "monthly_quota"]));
    /// A network.
    Cidr = text("A network or a single address.").examples(["10.0.0.0/8", "2001:db8::/32"]);
    /// The body of a mint.
    Mint = text("A compact JWS.")
        .pattern(Some("^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$"))
        .max_length(Some(doorkey_core::MAX_MINT_LEN));
    /// The public keys of the issuer.
    JwkSet = ObjectBuilder::new()
        .description(Some("A JWK Set (RFC 7517) of Ed25519 keys (RFC 8037)."))
        .property("keys", ArrayBuilder::new().items(jwk()))
        .required("keys");
    /// Any JSON object.
    AnyObject = ObjectBuilder::new();
}

/// Ids of every kind look alike.
trait IdSchema {
    fn schema(of: &str) -> ObjectBuilder;
}

impl<K: IdKind> IdSchema for Id<K> {
    fn schema(of: &str) -> ObjectBuilder {
        let example = Self::from_parts(1_700_000_000_000, [7; 10]).to_string();
        text(&format!("{of}'s id."))
            .pattern(Some(format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", K::PREFIX)))
            .examples([example])
    }
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

fn whole(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).description(Some(description))
}

fn jwk() -> ObjectBuilder {
    let members = [
        ("kty", text("The type.").enum_values(Some(["OKP"]))),
        ("crv", text("The curve.").enum_values(Some(["Ed25519"]))),
        ("x", text("The public key, base64url.").pattern(Some("^[A-Za-z0-9_-]{43}$"))),
        ("kid", text("The RFC 7638 thumbprint.").pattern(Some("^[A-Za-z0-9_-]{43}$"))),
        ("use", text("What for.").enum_values(Some(["sig"]))),
    ];
    members.into_iter().fold(ObjectBuilder::new(), |jwk, (name, schema)| jwk.property(name, schema).required(name))
}

/// Adds what refusals consist of; no endpoint names it by itself.
fn add_problem(components: ComponentsBuilder) -> ComponentsBuilder {
    let field = ObjectBuilder::new()
        .description(Some("One member of the input that is wrong."))
        .property("field", text("Its path, a parameter's or a header's name."))
        .property("detail", text("What is wrong with it."))
        .required("field")
        .required("detail");
    let time = ObjectBuilder::new()
        .schema_type(Type::Number)
        .description(Some("The issuer's clock in Unix seconds with milliseconds."));
    let fields = ArrayBuilder::new()
        .items(Ref::from_schema_name("FieldError"))
        .description(Some("The members that are wrong, for `invalid_input`."));
    let problem = ObjectBuilder::new()
        .description(Some("Why a request was refused (RFC 9457)."))
        .property("type", text("`urn:doorkey:error:<code>`.").pattern(Some("^urn:doorkey:error:[a-z_]+$")))
        .property("title", text("What happened, the same for every occurrence."))
        .property("status", whole("The HTTP status."))
        .property("detail", text("What is wrong with this very request."))
        .property("code", Ref::from_schema_name("ErrorCode"))
        .property("hint", text("What to do about it."))
        .property("request_id", text("The id under which the request was logged."))
        .property("server_time", time)
        .property("fields", fields);
    let required = ["type", "title", "status", "detail", "code", "hint", "request_id", "server_time"];
    let problem = required.into_iter().fold(problem, ObjectBuilder::required);
    components.schema("FieldError", field.build()).schema("Problem", problem.build())
}
