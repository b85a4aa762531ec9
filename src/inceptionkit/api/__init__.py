"""One function per verb: joins the layers below."""
