package auth

// Users counts who is in the handle, also when it is closed: at 0 it is freed.
func (a *Auth) Users() func() int64 { return a.handle.Load().users.Load }
