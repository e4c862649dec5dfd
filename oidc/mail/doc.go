// Package mail writes letters and sends them: over SMTP with TLS, or, while trying
// things out, into a folder that a page of the development server shows. It is the
// only door to the mail library.
//
// A letter is a job (storage.Mail) that was written down with the change it tells of.
// [Post.Deliver] puts it into words (templates), derives the address of its link from the
// configured issuer alone, and hands it over. What a server refuses for good is not
// tried again; anything else is.
//
// The package refuses to log what a letter says, and to send over a network in the
// clear. The wiring alone imports it, and web for the folder.
package mail
