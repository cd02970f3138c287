//! What the help says about `gi doctor`.

pub(super) const ABOUT: &str = "Look for what is wrong, and say what to do about it\n\n\
    Looks at the files and directories, the configuration, the service manager and the daemon, and has the daemon look \
    at its database, the network, Webex's clock, the issuers and the refreshing. Each line says ok, warning or wrong, \
    and where something can be done, what.\n\n\
    Nothing is changed, and no daemon is started. For an issuer that has not minted for an hour, or that failed, a \
    throw-away guest token is minted, which is the only way to know whether Webex accepts its credentials.";

pub(super) const MORE: &str = "Examples:\n  \
    gi doctor                            look at everything\n  \
    gi doctor --timeout 2m               where Webex or the disk is slow\n  \
    gi doctor -o json | jq '.checks[] | select(.verdict != \"ok\")'\n\n\
    Exit codes:\n  \
    0   nothing is wrong; there may be warnings\n  \
    4   the daemon cannot be reached or started, or hangs\n  \
    5   Webex refuses an issuer's credentials\n  \
    6   Webex cannot be reached, or asks to wait\n  \
    7   the socket is another user's, or the store is locked\n  \
    8   gi and the daemon speak no common protocol version\n  \
    1   anything else is wrong\n\
    Of several, the first one in the order of the report counts; 1 only if there is no other.";
