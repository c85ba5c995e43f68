"""What ngrok refuses, by the numbers of its codes (https://ngrok.com/docs/errors)."""

REVOKED = "105 107 300 4018"
REFUSALS = {  # with the page of ngrok's dashboard where it is mended
    REVOKED: ("This ngrok authtoken is broken, unknown or revoked.", "get-started/your-authtoken"),
    "108": ("This ngrok account has too many agents online: end one.", "agents"),
    "121": ("This ngrok agent is too old: delete ~/.colabdev/tunnel/ngrok.", "agents"),
    "123": ("The ngrok account's e-mail is not verified.", "user/settings"),
    "307": ("This ngrok account did not reserve that TCP address.", "tcp-addresses"),
    "324 350": ("This ngrok account has too many endpoints online: end one.", "endpoints"),
    "334": ("Another agent already holds that ngrok address: end it.", "endpoints"),
    "702": ("Too many ngrok connections in one minute: wait for the next.", "usage"),
    "725 726 729": ("This month's ngrok bandwidth or connections are used up.", "usage"),
    "8012": ("ngrok's agent does not reach the SSH server: run colabdev_stop().", "endpoints"),
    "8013": ("ngrok wants a payment card on file for TCP; it does not charge it.", "settings"),
    "8014 9009": ("The ngrok account's plan or policy does not allow this tunnel.", "billing"),
}
