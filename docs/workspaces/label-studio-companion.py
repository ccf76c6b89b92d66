"""Does beside Label Studio (Community) what its API cannot do for the connector. See label-studio.md.

For accounts under a Work Email, and for no others:
1. An account that is new gets a first password, which is mailed to the Work Email.
2. An account that was removed from the organisation is deactivated, so that it cannot even sign in; one that came back is
   activated again.

Run it with Label Studio's own Python and environment, once a minute or with EVERY_SECONDS set:

    LABEL_STUDIO_URL=https://label-studio.example SMTP_HOST=smtp.example MAIL_FROM=annotation@example \
        .venv/bin/python label-studio-companion.py
"""

import os
import secrets
import smtplib
import sys
import time
from email.message import EmailMessage

import django
import label_studio

sys.path.insert(0, os.path.dirname(label_studio.__file__))
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'label_studio.core.settings.label_studio')
django.setup()

from users.models import User  # noqa: E402 - only once Django is set up

WORK_EMAIL = '@opentrain.work'
URL = os.environ['LABEL_STUDIO_URL']


def mail_password(address, password):
    message = EmailMessage()
    message['From'] = os.environ['MAIL_FROM']
    message['To'] = address
    message['Subject'] = 'Your access to Label Studio'
    message.set_content(f'Sign in at {URL}/user/login/ with this address and the password\n\n{password}\n')
    host, port = os.environ['SMTP_HOST'], int(os.environ.get('SMTP_PORT', '587'))
    with smtplib.SMTP(host, port, timeout=30) as smtp:
        if os.environ.get('SMTP_STARTTLS', 'true') == 'true':
            smtp.starttls()
        if 'SMTP_USER' in os.environ:
            smtp.login(os.environ['SMTP_USER'], os.environ['SMTP_PASSWORD'])
        smtp.send_message(message)


def tend(user):
    is_member = user.om_through.filter(deleted_at__isnull=True).exists()
    if user.is_active != is_member:
        User.objects.filter(pk=user.pk).update(is_active=is_member)
        print(f'account {user.pk}:', 'activated' if is_member else 'deactivated')
    if is_member and user.password == '':
        password = secrets.token_urlsafe(12)
        # Mailed first: if that fails, the account still counts as new at the next run.
        mail_password(user.email, password)
        user.set_password(password)
        user.save(update_fields=['password'])
        print(f'account {user.pk}: first password mailed')


def main():
    for user in User.objects.filter(email__endswith=WORK_EMAIL, is_staff=False, is_superuser=False):
        try:
            tend(user)
        except Exception as error:  # one bad mailbox must not hold back the others
            print(f'account {user.pk}: {type(error).__name__}', file=sys.stderr)


main()
while 'EVERY_SECONDS' in os.environ:
    time.sleep(int(os.environ['EVERY_SECONDS']))
    main()
