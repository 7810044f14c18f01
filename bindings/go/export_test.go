package auth

import "time"

// Users counts who is in the handle, also when it is closed: at 0 it is freed.
func (a *Auth) Users() func() int64 { return a.handle.Load().users.Load }

// NextLook is when a call may look for events again.
func (a *Auth) NextLook() time.Duration {
	return time.Duration(a.handle.Load().lookDue.Load()) - time.Since(started)
}
