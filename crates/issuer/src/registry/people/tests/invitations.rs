use doorkey_core::{ErrorCode, InvitationId, OrganizationId, RoleId, ScopeSet, WorkspaceId};
use futures_util::future::join_all;

use super::{ADA, House, OTHER, PASSWORD, START, actor, code, contains, new_password, token, visit};
use crate::access::{OrganizationRole, WorkspaceRole};
use crate::actor::Actor;
use crate::audit::Action;
use crate::error::Error;
use crate::idempotency::Idempotency;
use crate::registry::people::invitations::Invited;
use crate::registry::people::{Account, Link, NewInvitation, SignedInNow};
use crate::store::{Invitation, Role};

const REFUSED: Option<ErrorCode> = Some(ErrorCode::SignInRefused);
const CONFLICT: Option<ErrorCode> = Some(ErrorCode::Conflict);
const EXCEEDS: Option<ErrorCode> = Some(ErrorCode::ExceedsCreator);
const INVALID: Option<ErrorCode> = Some(ErrorCode::InvalidInput);
const BOB: &str = "bob@shop.example";

impl House {
    async fn invite(&self, by: &Actor, new: NewInvitation) -> Result<(Invitation, Link), Error> {
        let (invitation, link) = self.registry.invite(by, self.organization().await, new, None).await?;
        Ok((invitation, link.unwrap()))
    }

    async fn accept(&self, link: &Link) -> Result<Invited, Error> {
        let account = Account::New { name: "New".into(), password: new_password(PASSWORD) };
        self.registry.accept_invitation(&visit(), token(link), account).await
    }

    async fn accept_as(&self, link: &Link, who: &SignedInNow) -> Result<Invited, Error> {
        self.registry.accept_invitation(&visit(), token(link), Account::Own(actor(who))).await
    }

    /// Somebody joins as a plain member.
    pub(super) async fn join(&self, email: &str, by: &SignedInNow) -> SignedInNow {
        self.join_as(email, by, OrganizationRole::Member, Vec::new()).await
    }

    async fn join_as(
        &self,
        email: &str,
        by: &SignedInNow,
        role: OrganizationRole,
        workspaces: Vec<(WorkspaceId, WorkspaceRole)>,
    ) -> SignedInNow {
        let new = NewInvitation { email: email.parse().unwrap(), role, workspaces };
        let (_, link) = self.invite(&actor(by), new).await.unwrap();
        self.accept(&link).await.unwrap().signed_in.unwrap()
    }

    async fn workspace(&self) -> WorkspaceId {
        self.registry.store.read().await.unwrap().first_workspace().await.unwrap().unwrap().id
    }

    async fn role(&self, name: &str, scopes: &str) -> RoleId {
        let role = Role {
            id: self.registry.new_id(),
            organization: self.organization().await,
            name: name.into(),
            description: String::new(),
            scopes: scopes.parse().unwrap(),
            created_at: 1,
            revision: 1,
        };
        let mut transaction = self.registry.store.begin().await.unwrap();
        transaction.insert_role(&role).await.unwrap();
        transaction.commit().await.unwrap();
        role.id
    }

    /// Another organization, with a workspace.
    async fn elsewhere(&self) -> (OrganizationId, WorkspaceId) {
        let operator = Actor::operator();
        let target = crate::audit::Target::new(OrganizationId::PREFIX);
        let mut change = self.registry.change(&operator, Action::CreateOrganization, target).await.unwrap();
        let organization = self.registry.make_organization("Other", &mut change).await.unwrap().id;
        let workspace =
            self.registry.make_workspace(organization, "Other", &ScopeSet::empty(), &mut change).await.unwrap().0.id;
        change.finish(Ok((organization, workspace))).await.unwrap()
    }
}

fn plain(email: &str) -> NewInvitation {
    NewInvitation { email: email.parse().unwrap(), role: OrganizationRole::Member, workspaces: Vec::new() }
}

fn with_role(role: OrganizationRole) -> NewInvitation {
    NewInvitation { role, ..plain(BOB) }
}

fn with_workspace(workspace: WorkspaceId, role: WorkspaceRole) -> NewInvitation {
    NewInvitation { workspaces: vec![(workspace, role)], ..plain(BOB) }
}

#[tokio::test]
async fn the_invited_joins_with_the_roles_of_the_invitation() {
    for house in House::both().await {
        let ada = house.ada().await;
        let (workspace, custom) = (house.workspace().await, house.role("Painter", "pictures:write").await);
        let new = NewInvitation {
            email: "Bob@Shop.example".parse().unwrap(),
            role: OrganizationRole::Custom(custom),
            workspaces: vec![(workspace, WorkspaceRole::Viewer)],
        };
        let (invitation, link) = house.invite(&actor(&ada), new).await.unwrap();
        assert!(link.as_str().starts_with("http://localhost:7700/invitation#token="));
        assert_eq!((invitation.email.as_str(), invitation.expires_at), (BOB, START + 7 * 86_400));
        let shown = house.registry.invitation_by_token(token(&link)).await.unwrap();
        assert_eq!(shown.invitation, invitation);
        assert_eq!(shown.organization.id, house.organization().await);
        assert_eq!(shown.custom_role.unwrap().name, "Painter");
        let listed = house
            .registry
            .invitations(&actor(&ada), invitation.organization, InvitationId::from_bytes([0; 16]), 10)
            .await
            .unwrap();
        assert_eq!(listed, [invitation]);

        let invited = house.accept(&link).await.unwrap();
        let bob = invited.signed_in.unwrap();
        let known = house.authenticate(&bob).await.unwrap();
        assert_eq!((known.email.as_str(), known.is_operator), (BOB, false));
        let mut reader = house.registry.store.read().await.unwrap();
        let membership = reader.membership(invited.organization, known.person).await.unwrap().unwrap();
        assert_eq!(membership.role, OrganizationRole::Custom(custom));
        let there = reader.workspace_membership(workspace, known.person).await.unwrap().unwrap();
        assert_eq!(there.role, WorkspaceRole::Viewer);
        drop(reader);
        assert_eq!(code(house.accept(&link).await), REFUSED, "once");
        assert_eq!(code(house.registry.invitation_by_token(token(&link)).await), REFUSED);
        let [event] = &house.events(Action::AcceptInvitation).await[..] else { panic!("one line") };
        assert_eq!((event.actor.name(), event.organization), (BOB, Some(invited.organization)));
        assert_eq!(code(house.invite(&actor(&ada), plain(BOB)).await), CONFLICT, "a member already");
    }
}

#[tokio::test]
async fn whoever_has_the_address_signs_in_to_accept() {
    for house in House::both().await {
        let ada = house.ada().await;
        let (bob, eve) = (house.join(BOB, &ada).await, house.join("eve@shop.example", &ada).await);
        let (other, _) = house.elsewhere().await;
        let operator = Actor::operator();
        let (_, link) = house.registry.invite(&operator, other, plain(BOB), None).await.unwrap();
        let link = link.unwrap();
        assert_eq!(code(house.accept(&link).await), CONFLICT, "nobody takes an account over with a link");
        assert_eq!(code(house.accept_as(&link, &eve).await), REFUSED);
        let refused = house.events(Action::AcceptInvitation).await.into_iter().filter(|event| event.refused.is_some());
        assert_eq!(refused.map(|event| event.organization).collect::<Vec<_>>(), [Some(other)]);
        assert_eq!(house.accept_as(&link, &bob).await.unwrap().organization, other);
        assert_eq!(code(house.accept_as(&link, &bob).await), REFUSED);
        assert!(
            house.registry.store.read().await.unwrap().membership(other, bob.signed_in.person).await.unwrap().is_some()
        );
        assert!(house.sign_in(BOB, PASSWORD).await.is_ok() && house.sign_in(BOB, OTHER).await.is_err());
    }
}

#[tokio::test]
async fn nobody_changes_their_own_role_with_an_invitation() {
    for house in House::both().await {
        let ada = house.ada().await;
        let bob = house.join(BOB, &ada).await;
        let (other, _) = house.elsewhere().await;
        let admin = with_role(OrganizationRole::Admin);
        let (_, link) = house.registry.invite(&Actor::operator(), other, admin, None).await.unwrap();
        let mut transaction = house.registry.store.begin().await.unwrap();
        transaction.put_membership(other, bob.signed_in.person, OrganizationRole::Member, 1).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(code(house.accept_as(&link.unwrap(), &bob).await), CONFLICT);
        let kept = house.registry.store.read().await.unwrap().membership(other, bob.signed_in.person).await.unwrap();
        assert_eq!(kept.unwrap().role, OrganizationRole::Member);
    }
}

#[tokio::test]
async fn only_the_latest_invitation_of_an_address_is_open_for_a_week() {
    for house in House::both().await {
        let ada = house.ada().await;
        let (_, replaced) = house.invite(&actor(&ada), plain(BOB)).await.unwrap();
        let (_, latest) = house.invite(&actor(&ada), plain(BOB)).await.unwrap();
        assert_eq!(code(house.accept(&replaced).await), REFUSED);
        let (revoked, link) = house.invite(&actor(&ada), plain("eve@shop.example")).await.unwrap();
        house.registry.revoke_invitation(&actor(&ada), revoked.organization, revoked.id).await.unwrap();
        assert_eq!(code(house.accept(&link).await), REFUSED);
        let again = house.registry.revoke_invitation(&actor(&ada), revoked.organization, revoked.id).await;
        assert_eq!(code(again), Some(ErrorCode::NotFound));
        house.wait(7 * 86_400);
        assert_eq!(code(house.accept(&latest).await), REFUSED);
        if let Some(bytes) = house.bytes() {
            assert!(contains(&bytes, BOB.as_bytes()) && !contains(&bytes, token(&latest).as_bytes()));
        }
    }
}

#[tokio::test]
async fn of_two_who_accept_at_once_one_joins() {
    for house in House::both().await {
        let ada = house.ada().await;
        let (_, link) = house.invite(&actor(&ada), plain(BOB)).await.unwrap();
        let codes: Vec<_> = join_all((0..2).map(|_| house.accept(&link))).await.into_iter().map(code).collect();
        assert!(codes == [None, REFUSED] || codes == [REFUSED, None], "{codes:?}");
    }
}

#[tokio::test]
async fn nobody_grants_more_than_they_have() {
    for house in House::both().await {
        let ada = house.ada().await;
        let workspace = house.workspace().await;
        let recruiter = house.role("Recruiter", "doorkey.members:read doorkey.members:write pictures:read").await;
        let auditor = house.role("Auditor", "doorkey.audit:read").await;
        let painter = house.role("Painter", "pictures:write").await;
        let everything: Vec<_> = crate::access::Permission::ALL.iter().map(|permission| permission.as_str()).collect();
        let everything = house.role("All", &format!("{} pictures:read pictures:write", everything.join(" "))).await;
        let custom = OrganizationRole::Custom;

        let rita =
            house.join_as("rita@shop.example", &ada, custom(recruiter), vec![(workspace, WorkspaceRole::Viewer)]).await;
        for (new, expected) in [
            (plain(BOB), None),
            (with_role(custom(recruiter)), None),
            (with_role(custom(auditor)), EXCEEDS),
            (with_role(custom(painter)), EXCEEDS),
            (with_role(OrganizationRole::Admin), EXCEEDS),
            (with_workspace(workspace, WorkspaceRole::Viewer), None),
            (with_workspace(workspace, WorkspaceRole::Editor), EXCEEDS),
            (with_workspace(workspace, WorkspaceRole::Custom(painter)), EXCEEDS),
        ] {
            let what = format!("{new:?}");
            assert_eq!(code(house.invite(&actor(&rita), new).await), expected, "{what}");
        }
        let all = house.join_as("all@shop.example", &ada, custom(everything), Vec::new()).await;
        assert_eq!(code(house.invite(&actor(&all), with_role(custom(everything))).await), None);
        let admin = with_role(OrganizationRole::Admin);
        assert_eq!(code(house.invite(&actor(&all), admin.clone()).await), EXCEEDS, "an admin's rights grow");
        assert_eq!(code(house.invite(&actor(&ada), admin).await), None);

        let eve = house.join("eve@shop.example", &ada).await;
        let insufficient = Some(ErrorCode::InsufficientScope);
        assert_eq!(code(house.invite(&actor(&eve), plain(BOB)).await), insufficient);
        let (open, _) = house.invite(&actor(&ada), plain(BOB)).await.unwrap();
        let revoked = house.registry.revoke_invitation(&actor(&eve), open.organization, open.id).await;
        assert_eq!(code(revoked), insufficient);
        let refused = house.events(Action::CreateInvitation).await.into_iter().filter(|event| event.refused.is_some());
        assert_eq!(refused.count(), 7);
    }
}

#[tokio::test]
async fn an_invitation_names_what_there_is() {
    for house in House::both().await {
        let ada = house.ada().await;
        let (workspace, (other, foreign)) = (house.workspace().await, house.elsewhere().await);
        let no_role = RoleId::from_bytes([1; 16]);
        let twice = vec![(workspace, WorkspaceRole::Viewer), (workspace, WorkspaceRole::Editor)];
        for new in [
            with_role(OrganizationRole::Custom(no_role)),
            with_workspace(workspace, WorkspaceRole::Custom(no_role)),
            with_workspace(foreign, WorkspaceRole::Viewer),
            NewInvitation { workspaces: twice, ..plain(BOB) },
        ] {
            let what = format!("{new:?}");
            assert_eq!(code(house.invite(&actor(&ada), new).await), INVALID, "{what}");
        }
        let not_found = Some(ErrorCode::NotFound);
        let elsewhere = house.registry.invite(&actor(&ada), other, plain(BOB), None).await;
        assert_eq!(code(elsewhere), not_found);
        let first = InvitationId::from_bytes([0; 16]);
        assert_eq!(code(house.registry.invitations(&actor(&ada), other, first, 10).await), not_found);
        let (open, _) = house.registry.invite(&Actor::operator(), other, plain(BOB), None).await.unwrap();
        for claimed in [other, house.organization().await] {
            let revoked = house.registry.revoke_invitation(&actor(&ada), claimed, open.id).await;
            assert_eq!(code(revoked), not_found);
        }

        let mut transaction = house.registry.store.begin().await.unwrap();
        let mut archived = transaction.workspace(workspace).await.unwrap().unwrap();
        archived.archived_at = Some(1);
        transaction.update_workspace(&archived).await.unwrap();
        transaction.commit().await.unwrap();
        let new = with_workspace(workspace, WorkspaceRole::Viewer);
        assert_eq!(code(house.invite(&actor(&ada), new).await), INVALID);
    }
}

#[tokio::test]
async fn an_archived_organization_takes_nobody_in() {
    for house in House::both().await {
        let ada = house.ada().await;
        let (_, link) = house.invite(&actor(&ada), plain(BOB)).await.unwrap();
        let mut transaction = house.registry.store.begin().await.unwrap();
        let mut archived = transaction.organization(house.organization().await).await.unwrap().unwrap();
        archived.archived_at = Some(1);
        transaction.update_organization(&archived).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(code(house.accept(&link).await), CONFLICT);
        assert_eq!(code(house.sign_in(BOB, PASSWORD).await), REFUSED, "nothing of it was written");
        assert_eq!(code(house.invite(&actor(&ada), plain("eve@shop.example")).await), CONFLICT);
    }
}

#[tokio::test]
async fn a_role_that_was_deleted_is_not_given() {
    for house in House::both().await {
        let ada = house.ada().await;
        let (role, workspace) = (house.role("Painter", "pictures:write").await, house.workspace().await);
        let new = with_workspace(workspace, WorkspaceRole::Custom(role));
        let (_, link) = house.invite(&actor(&ada), new).await.unwrap();
        let mut transaction = house.registry.store.begin().await.unwrap();
        assert!(transaction.is_role_in_use(role).await.unwrap());
        transaction.delete_role(role).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(code(house.accept(&link).await), CONFLICT);
    }
}

#[tokio::test]
async fn an_invitation_that_is_sent_again_happens_once() {
    for house in House::both().await {
        let ada = house.ada().await;
        let organization = house.organization().await;
        let name = Idempotency { key: "a".into(), fingerprint: [1; 32] };
        let invite = async || house.registry.invite(&actor(&ada), organization, plain(BOB), Some(&name)).await.unwrap();
        let ((first, link), (second, none)) = (invite().await, invite().await);
        assert_eq!((first, none.is_none()), (second, true));
        assert!(house.accept(&link.unwrap()).await.is_ok());
        assert_eq!(house.events(Action::CreateInvitation).await.len(), 1);
    }
}

#[tokio::test]
async fn an_organization_has_a_thousand_open_invitations() {
    let [house, _] = House::both().await;
    let ada = house.ada().await;
    let (first, _) = house.invite(&actor(&ada), plain("guest0@shop.example")).await.unwrap();
    let mut transaction = house.registry.store.begin().await.unwrap();
    for i in 1..1000u32 {
        let more = Invitation { id: house.registry.new_id(), email: format!("guest{i}@shop.example"), ..first.clone() };
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&i.to_be_bytes());
        transaction.replace_invitation(&more, &hash).await.unwrap();
    }
    transaction.commit().await.unwrap();
    assert_eq!(code(house.invite(&actor(&ada), plain(BOB)).await), CONFLICT);
    assert_eq!(code(house.invite(&actor(&ada), plain("guest7@shop.example")).await), None);
    assert_eq!(code(house.invite(&actor(&ada), plain(ADA)).await), CONFLICT);
    house.wait(7 * 86_400);
    // The sign-in is over by then, too.
    assert_eq!(code(house.invite(&Actor::operator(), plain(BOB)).await), None);
}
