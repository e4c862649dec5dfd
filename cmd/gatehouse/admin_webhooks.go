package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newWebhooksCommand(i *invocation) *cobra.Command {
	return group("webhooks", "See, create and change the receivers of events",
		`Sees and changes webhooks: addresses that are told what happens here, by signed
messages. The types of event are the actions of the audit log.`,
		`  gatehouse admin webhooks create --url https://hooks.example.com/gatehouse --event "user.*" --event session.revoke
  gatehouse admin webhooks deliveries 0190c1e2-7b1c-7c3e-9f6a-3f0f5f9a1b2c`,
		newWebhooksCreateCommand(i), newWebhooksListCommand(i), newWebhooksUpdateCommand(i), newWebhooksRotateSecretCommand(i),
		newWebhooksDeliveriesCommand(i), newWebhooksRedeliverCommand(i),
		onOne(i, &cobra.Command{
			Use:     "show WEBHOOK",
			Short:   "Show a webhook",
			Long:    "Shows a webhook by its id. Its secret was shown when it was made.",
			Example: "  gatehouse admin webhooks show 0190c1e2-7b1c-7c3e-9f6a-3f0f5f9a1b2c",
		}, api.ShowWebhook, webhookPath),
		onOne(i, &cobra.Command{
			Use:     "test WEBHOOK",
			Short:   "Send a webhook a message to try it",
			Long:    "Sends a webhook a message of the type webhook.test. \"deliveries\" shows what came of it.",
			Example: "  gatehouse admin webhooks test 0190c1e2-7b1c-7c3e-9f6a-3f0f5f9a1b2c",
		}, api.TestWebhook, webhookPath),
		deletion(i, &cobra.Command{
			Use:     "delete WEBHOOK",
			Short:   "Remove a webhook",
			Long:    "Removes a webhook, with the list of what was sent to it.",
			Example: "  gatehouse admin webhooks delete 0190c1e2-7b1c-7c3e-9f6a-3f0f5f9a1b2c",
		}, webhookPath, api.ShowWebhook, func(w api.Webhook) string { return fmt.Sprintf("the webhook %s to %s", w.ID, w.URL) },
			api.DeleteWebhook, func(p api.WebhookPath) api.WebhookDeletion { return api.WebhookDeletion{WebhookPath: p} }))
}

func webhookPath(id string) api.WebhookPath { return api.WebhookPath{Webhook: id} }

func eventFlag(cmd *cobra.Command, events *[]string) {
	cmd.Flags().StringArrayVar(events, "event", nil, "A type such as user.create, or a family such as user.*; repeat it, or separate by spaces")
}

func newWebhooksCreateCommand(i *invocation) *cobra.Command {
	var in api.NewWebhook
	var events []string
	var authorization bool
	cmd := &cobra.Command{
		Use:   "create --url URL --event TYPE",
		Short: "Create a webhook",
		Long: `Creates a webhook. What it prints as secret signs the messages (Standard Webhooks)
and is shown this once.

With --protocol set it gets security event tokens instead (RFC 8417, pushed by RFC
8935), which the keys of the issuer sign: session-revoked and credential-change of
OpenID CAEP. --authorization-stdin reads the Authorization header that the
receiver wants.`,
		Example: `  gatehouse admin webhooks create --url https://hooks.example.com/gatehouse --event "user.*" --event "client.*"
  printf %s "Bearer $TOKEN" | gatehouse admin webhooks create --protocol set --url https://app.example.com/events --audience https://app.example.com --event session-revoked --event credential-change --authorization-stdin`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&in.Body.URL, "url", "", "Where the messages are posted: https, on the public Internet")
	flags.StringVar(&in.Body.Name, "name", "", "The name in the list")
	flags.StringVar(&in.Body.Protocol, "protocol", "webhook", "webhook, or set for security event tokens")
	flags.StringVar(&in.Body.Tenant, "tenant", "", "The tenant whose events it hears: id or slug (default: the whole deployment)")
	flags.StringVar(&in.Body.Client, "client", "", "With --protocol set: the one client whose people it hears of")
	flags.StringVar(&in.Body.Audience, "audience", "", "With --protocol set: whom the tokens are for")
	flags.BoolVar(&authorization, "authorization-stdin", false, "With --protocol set: read the Authorization header from standard input")
	eventFlag(cmd, &events)
	require(cmd, "url", "event")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) (err error) {
		in.Body.Events = words(events)
		if authorization {
			if in.Body.Authorization, err = i.readSecret("authorization"); err != nil {
				return err
			}
		}
		return one(ctx, o, api.CreateWebhook, in)
	})
}

func newWebhooksListCommand(i *invocation) *cobra.Command {
	var in api.WebhookFilter
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the webhooks",
		Long:    "Lists the webhooks, the oldest first: what each hears, and when something last arrived.",
		Example: "  gatehouse admin webhooks list",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&in.Tenant, "tenant", "", "Only those of this tenant: id or slug")
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.ListWebhooks, in) })
}

func newWebhooksUpdateCommand(i *invocation) *cobra.Command {
	var in api.WebhookChange
	var events []string
	var name, address, audience string
	var disabled bool
	cmd := &cobra.Command{
		Use:   "update WEBHOOK",
		Short: "Change a webhook",
		Long: `Changes a webhook; what is left out stays. The events replace those there are.
One that was stopped, by --disabled or because it had failed for a day, hears again
what happens after --disabled=false.`,
		Example: `  gatehouse admin webhooks update 0190c1e2-7b1c-7c3e-9f6a-3f0f5f9a1b2c --event "user.*"
  gatehouse admin webhooks update 0190c1e2-7b1c-7c3e-9f6a-3f0f5f9a1b2c --disabled=false`,
		Args: cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "The name in the list")
	flags.StringVar(&address, "url", "", "Where the messages are posted: https, on the public Internet")
	flags.StringVar(&audience, "audience", "", "Whom security event tokens are for")
	flags.BoolVar(&disabled, "disabled", false, "Stop it; --disabled=false lets it hear again")
	eventFlag(cmd, &events)
	requireAny(cmd)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		heard := words(events)
		in.Webhook = args[0]
		in.Body.Name, in.Body.URL, in.Body.Audience = changed(cmd, "name", &name), changed(cmd, "url", &address), changed(cmd, "audience", &audience)
		in.Body.Events, in.Body.Disabled = changed(cmd, "event", &heard), changed(cmd, "disabled", &disabled)
		return one(ctx, o, api.UpdateWebhook, in)
	})
}

func newWebhooksRotateSecretCommand(i *invocation) *cobra.Command {
	var in api.WebhookRotation
	var overlap time.Duration
	var authorization bool
	cmd := &cobra.Command{
		Use:   "rotate-secret WEBHOOK",
		Short: "Give a webhook another secret",
		Long: `Gives a webhook another secret, which is shown this once. For the overlap each
message is signed by both, so that the receiver has time. For security event tokens
it replaces the Authorization header by the one on standard input.`,
		Example: "  gatehouse admin webhooks rotate-secret 0190c1e2-7b1c-7c3e-9f6a-3f0f5f9a1b2c --overlap 24h",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 0, "How long the old secret signs too, such as 24h")
	cmd.Flags().BoolVar(&authorization, "authorization-stdin", false, "For security event tokens: read the Authorization header from standard input")
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) (err error) {
		in.Webhook, in.Body.OverlapSeconds = args[0], int(overlap/time.Second)
		if authorization {
			if in.Body.Authorization, err = i.readSecret("authorization"); err != nil {
				return err
			}
		}
		return one(ctx, o, api.RotateWebhookSecret, in)
	})
}

func newWebhooksDeliveriesCommand(i *invocation) *cobra.Command {
	var in api.DeliveryFilter
	cmd := &cobra.Command{
		Use:     "deliveries WEBHOOK",
		Short:   "List what was sent to a webhook",
		Long:    "Lists what was sent to a webhook in the last thirty days, the latest first, and what came of it.",
		Example: "  gatehouse admin webhooks deliveries 0190c1e2-7b1c-7c3e-9f6a-3f0f5f9a1b2c",
		Args:    cobra.ExactArgs(1),
	}
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Webhook = args[0]
		return list(ctx, o, api.ListDeliveries, in)
	})
}

func newWebhooksRedeliverCommand(i *invocation) *cobra.Command {
	var in api.DeliveryPath
	return i.operation(&cobra.Command{
		Use:     "redeliver WEBHOOK EVENT",
		Short:   "Send a message once more",
		Long:    "Sends a message once more, under the same id, so that a receiver that has it already can tell.",
		Example: "  gatehouse admin webhooks redeliver 0190c1e2-7b1c-7c3e-9f6a-3f0f5f9a1b2c 0190c1e4-11aa-7e21-8d8f-1d7a7e0f4a10",
		Args:    cobra.ExactArgs(2),
	}, func(ctx context.Context, o *operator, args []string) error {
		in.Webhook, in.Event = args[0], args[1]
		return one(ctx, o, api.Redeliver, in)
	})
}
