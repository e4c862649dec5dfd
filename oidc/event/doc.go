// Package event tells others what happened: programs that hear every event of a kind
// (Standard Webhooks), and receivers of security event tokens (RFC 8417, pushed by RFC
// 8935) that end their own sessions when one of ours ends.
//
// What is told, and to whom, is decided in the database, in the transaction of the
// change (migrations/00025_webhooks.sql). This package owns how: the messages, their
// signatures, what an answer means, and when a receiver is given up. It refuses to go
// out by any other way than oidc/outbound, to follow where a receiver points, and to say
// in the log of deliveries what an address inside would have answered.
//
// web hands its jobs to storage/jobs, web/api seals its secrets; nobody else imports it.
package event
